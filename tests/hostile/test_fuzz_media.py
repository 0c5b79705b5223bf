"""Small films and sounds with damaged bytes: read, written, or one of our own errors.

The examples are the same in every run. Others, and more of them: FUZZ_EXAMPLES=1000 pytest tests/hostile
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dubber.dub.reference_voice import find_speech
from dubber.dub.sound import DubbedSound, Piece, original_sound
from dubber.errors import DubberError
from dubber.media.audio import read_audio
from dubber.media.remux import replace_sound
from dubber.media.video import probe, read_frames
from tests.helpers.media_files import Kind, tone, write_film, write_sound

MORE = os.environ.get("FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(MORE or 12),
    derandomize=MORE is None,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

QUIET = {"preset": "12", "svtav1-params": "lp=1"}
FILMS = {
    "h264.mp4": Kind(),
    "h264.mkv": Kind(),
    "h264.ts": Kind(),
    "h264.flv": Kind(),
    "hevc.mp4": Kind("libx265", options={"x265-params": "log-level=none"}),
    "av1.mp4": Kind("libsvtav1", options=QUIET),
    "vp9.webm": Kind("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}, sound="libopus"),
    "prores.mov": Kind("prores_ks", "yuv422p10le", sound="pcm_s16le"),
    "mpeg1.mpg": Kind("mpeg1video", options={"b": "500000"}, sound="mp2"),
    "mpeg4.avi": Kind("mpeg4", options={"b": "500000"}, sound="libmp3lame"),
    "gif.gif": Kind("gif", "rgb8", sound=None),
}
SOUNDS = {"a.wav": "pcm_s16le", "a.flac": "flac", "a.mp3": "libmp3lame", "a.m4a": "aac", "a.opus": "libopus"}
SPEECH = Piece("a", "", 0.1, tone(0.2, 16_000))


class Originals(dict[str, bytes]):
    """Name -> bytes, which a failing example need not print."""

    def __repr__(self) -> str:
        return f"files {', '.join(self)}"


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> Originals:
    folder = tmp_path_factory.mktemp("films")
    for name, kind in FILMS.items():
        write_film(folder / name, kind, 10)
    for name, codec in SOUNDS.items():
        write_sound(folder / name, tone(1.2, 48_000)[None], 48_000, "mono", codec)
    return Originals({path.name: path.read_bytes() for path in folder.iterdir()})


DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.booleans()), max_size=6)


def damaged(content: bytes, ends: float, damage: list[tuple[float, int, bool]]) -> bytes:
    """Cut off after a share, with some bytes changed, half of them in the header."""
    found = bytearray(content[: round(len(content) * ends)])
    for place, value, in_header in damage:
        if found:
            found[int(place * (min(len(found), 800) if in_header else len(found)))] = value
    return bytes(found)


def accepts(work, *arguments):
    try:
        return work(*arguments)
    except DubberError as error:
        assert error.what.strip()
        return None


def dub(film: Path, output: Path) -> None:
    sound = DubbedSound([SPEECH], 16_000, probe(film).duration, original_sound(film))
    replace_sound(film, output, sound)


@pytest.mark.parametrize("name", FILMS)
@fuzz
@given(ends=st.just(1.0) | st.floats(0.3, 1), damage=DAMAGE, output=st.sampled_from(["mp4", "mov", "mkv", "webm"]))
def test_films(tmp_path, originals: Originals, name, ends, damage, output):
    film, made = tmp_path / name, tmp_path / f"out.{output}"
    film.write_bytes(damaged(originals[name], ends, damage))
    for before in tmp_path.glob("out.*"):
        before.unlink()
    accepts(probe, film)
    accepts(lambda: [frame.shape for frame in read_frames(film)])
    accepts(read_audio, film)
    accepts(dub, film, made)
    assert {path.name for path in tmp_path.iterdir()} <= {name, made.name}


@pytest.mark.parametrize("name", SOUNDS)
@fuzz
@given(ends=st.just(1.0) | st.floats(0.3, 1), damage=DAMAGE)
def test_sounds(tmp_path, originals, name, ends, damage):
    path = tmp_path / name
    path.write_bytes(damaged(originals[name], ends, damage))
    sound = accepts(read_audio, path)
    if sound is not None:
        assert np.isfinite(sound.samples).all() and np.abs(sound.samples).max() <= 1
        accepts(find_speech, sound.samples)
