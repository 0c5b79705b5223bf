"""Another sound for the same picture, in any container, and parts of videos."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from dubber.dub.sound import DubbedSound, Original, Piece, original_sound
from dubber.errors import ClipError, DubberError
from dubber.media.audio import read_audio, sound_blocks
from dubber.media.encoding import container_of, sound_rate
from dubber.media.remux import Samples, replace_sound
from dubber.media.video import Span, probe, read_frames
from tests.helpers.tiny_project import every, numbers, write_film

SILENCE = Samples(np.zeros(32_000, np.float32), 16_000)


def counting(times: list[float]):
    """Picture n is a bright column at place n."""
    for n in range(len(times)):
        picture = np.full((64, 96, 3), 30, np.uint8)
        picture[:, (n * 4) % 96 : (n * 4) % 96 + 4] = 220
        yield picture


def packets(path: Path) -> list[tuple[float, bytes]]:
    """Times (s from the first picture) and bytes of the picture stream."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [(packet.pts * stream.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]
    first = min(time for time, _ in found)
    return [(round(float(time - first), 2), content) for time, content in found]


@pytest.mark.parametrize(("codec", "source", "output"), [
    ("libx264", "mp4", "mkv"), ("libx264", "mkv", "mp4"), ("libx264", "mp4", "mov"), ("libx264", "avi", "mkv"),
    ("libvpx-vp9", "webm", "webm"), ("libvpx-vp9", "webm", "mp4"), ("mpeg4", "avi", "mp4"),
])  # fmt: skip
def test_the_picture_is_copied_packet_by_packet(tmp_path, codec, source, output):
    film = tmp_path / f"a.{source}"
    if codec == "mpeg4" or source == "avi":
        plain_avi(film, codec)
    else:
        write_film(film, every(25, 2), counting, codec=codec)
    before = packets(film)
    copied = replace_sound(film, tmp_path / f"b.{output}", SILENCE)
    if source == "avi":  # what has no time stamps cannot be copied everywhere, but the picture is never lost
        assert probe(tmp_path / f"b.{output}").duration == pytest.approx(2, abs=0.15)
    else:
        assert copied and packets(tmp_path / f"b.{output}") == before
    assert len(read_audio(tmp_path / f"b.{output}").samples) / 16_000 == pytest.approx(2, abs=0.05)


def plain_avi(path: Path, codec: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for picture in counting(every(25, 2)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_what_a_container_does_not_hold_is_encoded_anew(tmp_path):
    film = write_film(tmp_path / "a.mp4", every(30, 2), counting)
    assert not replace_sound(film, tmp_path / "b.webm", SILENCE)
    about = probe(tmp_path / "b.webm")
    assert (about.codec, about.width, about.height) == ("vp9", 96, 64) and about.fps == pytest.approx(30, abs=0.5)
    shown = [numbers(f).astype(int) for f in read_frames(tmp_path / "b.webm")]
    differences = [np.abs(a - b).mean() for a, b in zip(shown, map(numbers, read_frames(film)), strict=True)]
    assert np.median(differences) < 1  # at some times one frame ends and the next begins


def test_rotation_and_variable_rates_survive_the_copy(tmp_path):
    film = write_film(tmp_path / "a.mp4", [0.0, 0.1, 0.15, 0.5, 0.52, 0.9], counting, turned=True)
    assert replace_sound(film, tmp_path / "b.mp4", SILENCE)
    assert probe(tmp_path / "b.mp4").rotation == probe(film).rotation != 0
    assert [t for t, _ in packets(tmp_path / "b.mp4")] == [t for t, _ in packets(film)]


def test_sound_is_interleaved_with_the_picture(tmp_path):
    """A player must not search the whole file for the sound that belongs to a picture."""
    film = write_film(tmp_path / "a.mp4", every(25, 12), counting, tone=None)
    replace_sound(film, tmp_path / "b.mp4", Samples(np.zeros(12 * 16_000, np.float32), 16_000))
    with av.open(str(tmp_path / "b.mp4")) as container:
        order = [(p.stream.type, float(p.pts * p.time_base)) for p in container.demux() if p.size]
    heard = 0.0
    for kind, time in order:
        heard = time if kind == "audio" else heard
        assert kind == "audio" or abs(time - heard) < 1.5


def test_containers_and_rates():
    assert container_of("A.MKV").format == "matroska"
    with pytest.raises(DubberError, match=r"\.mp4, .*\.webm"):
        container_of("a.txt")
    assert sound_rate(container_of("a.webm"), 44_100) == 48_000 and sound_rate(container_of("a.mp4"), 16_000) == 16_000


@pytest.mark.parametrize("fps", [25, 30, Fraction(24_000, 1001), 60])
def test_a_span_shows_what_the_whole_shows_there(tmp_path, fps):
    film = write_film(tmp_path / "a.mp4", every(fps, 8), counting, tone=None)
    whole = [numbers(frame) for frame in read_frames(film)]
    for start, end in ((0.0, 1.0), (1.2, 2.0), (5.0, 6.2), (7.0, None)):
        part = [numbers(frame) for frame in read_frames(film, span=Span(start, end))]
        first = round(start * 25)
        assert len(part) == (len(whole) - first if end is None else round((end - start) * 25))
        assert all(np.array_equal(a, b) for a, b in zip(part, whole[first:], strict=False)), (start, end)


def test_a_span_beyond_the_end_says_so(tmp_path):
    film = write_film(tmp_path / "a.mp4", every(25, 1), counting, tone=None)
    with pytest.raises(ClipError, match=r"no picture at 9\.00 s"):
        list(read_frames(film, span=Span(9.0, 10.0)))


def test_sound_begins_with_the_picture_and_gaps_are_silent(film):
    blocks = np.concatenate(list(sound_blocks(film, 16_000, 1)), axis=1)[0]
    whole = read_audio(film).samples
    assert abs(len(blocks) - len(whole)) < 200
    assert np.abs(blocks[2000:30_000] - whole[2000:30_000]).max() < 0.02


def mixed(pieces: list[Piece], background: Original | None, rate: int, duration: float = 2.0) -> np.ndarray:
    return np.concatenate(list(DubbedSound(pieces, 16_000, duration, background).blocks(rate)), axis=1)


def test_speech_stands_in_its_places_with_the_original_around_it(film):
    speech = np.full(8000, 0.5, np.float32)
    pieces = [Piece("a", "", 0.5, speech), Piece("b", "", 1.25, -speech[:4000])]
    original = original_sound(film)
    assert (original.rate, original.channels) == (44_100, 2)
    sound = mixed(pieces, original, 44_100)
    assert sound.shape == (2, 88_200)
    np.testing.assert_allclose(sound[:, 23_000:43_000], 0.5, atol=0.01)
    np.testing.assert_allclose(sound[:, 56_000:65_000], -0.5, atol=0.01)
    for quiet in (slice(2000, 20_000), slice(46_000, 53_000), slice(68_000, 86_000)):
        assert np.abs(sound[:, quiet]).max() == pytest.approx(0.3, abs=0.05)
    assert np.abs(np.diff(sound[0, 20_000:22_040])).max() < 0.02  # it fades out, it does not click


def test_without_a_background_there_is_silence():
    sound = mixed([Piece("a", "", 0.5, np.full(8000, 0.5, np.float32))], None, 16_000)
    assert sound.shape == (1, 32_000)
    assert (sound[0, 8000:16_000] == 0.5).all() and not sound[0, :8000].any() and not sound[0, 16_000:].any()


def test_speech_keeps_its_band_beside_a_narrow_original(tmp_path):
    narrow = DubbedSound([], 16_000, 2.0, Original(tmp_path / "a.mp4", 8000, 1))
    wide = DubbedSound([], 16_000, 2.0, Original(tmp_path / "a.mp4", 48_000, 2))
    assert (narrow.rate, wide.rate) == (16_000, 48_000)
