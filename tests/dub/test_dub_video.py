"""Any video in, a dubbed one out, by a minute student with random weights: the way is tested, not the sound."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import dubber
from dubber import Cue, read_subtitles
from dubber.errors import DubberError
from dubber.media.audio import read_audio
from dubber.media.video import probe
from tests.conftest import ROOT
from tests.dub.test_dub_remux import packets
from tests.helpers.tiny_project import every, no_face, talking, two_faces, write_film

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = "bin blue at f two now"
RATE = 16_000
UNEVEN = [t + 0.011 * (n % 3) for n, t in enumerate(every(20, 2))]


def in_frames(samples: np.ndarray) -> float:
    return len(samples) / 200 * 25 / 80


@pytest.mark.parametrize(("name", "times", "options"), [
    ("30 fps.mp4", every(30, 2), {}),
    ("film.mkv", every(Fraction(24_000, 1001), 2), {"channels": 1, "rate": 48_000}),
    ("turned.mp4", every(25, 2), {"turned": True}),
    ("uneven.mkv", UNEVEN, {}),
    ("silent.webm", every(25, 2), {"codec": "libvpx", "tone": None}),
    ("fast.mov", every(60, 2), {"tone": None}),
])  # fmt: skip
def test_any_video_is_dubbed_and_its_picture_copied(tiny_dubber, reference, tmp_path, name, times, options):
    film = write_film(tmp_path / name, times, **options)
    dubbed = tiny_dubber.dub(film, TEXT, reference)
    assert dubbed.sample_rate == RATE and dubbed.samples.dtype == np.float32 and dubbed.left_out == ()
    assert in_frames(dubbed.samples) == pytest.approx(50, abs=1)
    assert np.abs(dubbed.samples).max() > 0.01
    out = dubbed.save(tmp_path / f"out{film.suffix}")
    assert packets(out) == packets(film) and probe(out).rotation == probe(film).rotation
    heard = read_audio(out).samples
    assert abs(len(heard) - len(dubbed.samples)) < 0.1 * RATE
    length = min(len(heard), len(dubbed.samples))
    assert np.corrcoef(heard[:length], dubbed.samples[:length])[0, 1] > 0.8
    assert {path.name for path in tmp_path.iterdir()} == {film.name, out.name}


def test_the_same_call_gives_the_same_speech_and_another_seed_another(tiny_export, tiny_dubber, film, reference):
    first, again = (tiny_dubber.dub(film, TEXT, reference).samples for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, dubber.load(tiny_export, device="cpu", seed=1).dub(film, TEXT, reference).samples)


def test_a_part_is_dubbed_and_the_rest_kept_or_silenced(tiny_dubber, film, reference, tmp_path):
    kept, silenced = (
        tiny_dubber.dub(film, [Cue.from_text("bin blue now", 0.5, 1.5)], reference, background=background)
        for background in ("keep", "silence")
    )
    assert np.array_equal(kept.samples, silenced.samples) and len(kept.samples) == pytest.approx(2 * RATE, abs=900)
    assert not kept.samples[: RATE // 2].any() and not kept.samples[RATE * 3 // 2 :].any()
    loud = [read_audio(d.save(tmp_path / f"{i}.mp4")).samples for i, d in enumerate((kept, silenced))]
    assert np.abs(loud[0][2000:6000]).max() > 0.2 and np.abs(loud[1][2000:6000]).max() < 0.01
    with av.open(str(tmp_path / "0.mp4")) as container:
        sound = container.streams.audio[0].codec_context
        assert (sound.sample_rate, sound.channels) == (44_100, 2)  # the original's own


def subtitles(path: Path, *cues: tuple[float, float, str]) -> Path:
    def time(s: float) -> str:
        return f"00:{int(s) // 60:02}:{int(s) % 60:02},{round(s % 1 * 1000):03}"

    path.write_text("\n".join(f"{n}\n{time(a)} --> {time(b)}\n{text}\n" for n, (a, b, text) in enumerate(cues, 1)))
    return path


def test_every_cue_is_dubbed_into_its_own_span(tiny_dubber, reference, tmp_path):
    film = write_film(tmp_path / "a.mp4", every(25, 4))
    words = subtitles(tmp_path / "a.srt", (0.4, 1.4, "bin blue"), (2.2, 3.6, "set white by k"))
    dubbed = tiny_dubber.dub(film, read_subtitles(words), reference)
    assert [(p.name, p.start, len(p.samples)) for p in dubbed.pieces] == [
        ("cue 1", 0.4, RATE),
        ("cue 2", 2.2, round(1.4 * RATE)),
    ]
    heard = read_audio(dubbed.save(tmp_path / "b.mp4")).samples
    for tone in (slice(0, 5500), slice(24_000, 34_000), slice(58_500, 63_000)):
        spectrum = np.abs(np.fft.rfft(heard[tone]))
        assert np.argmax(spectrum) * RATE / len(heard[tone]) == pytest.approx(220, abs=5)


def test_a_cue_that_cannot_be_dubbed_is_an_error_or_left_out(tiny_dubber, film, reference, tmp_path):
    words = subtitles(tmp_path / "a.srt", (0.1, 0.9, "bin blue"), (1.0, 1.8, "привет"), (9.0, 10.0, "now"))
    with pytest.raises(DubberError, match=r"Cue 2 cannot be dubbed: The word 'привет' cannot") as told:
        tiny_dubber.dub(film, read_subtitles(words), reference)
    assert "--skip-failed" in told.value.hint
    dubbed = tiny_dubber.dub(film, read_subtitles(words), reference, skip_failed=True)
    assert [p.name for p in dubbed.pieces] == ["cue 1"]
    assert [left.name for left in dubbed.left_out] == ["cue 2", "cue 3"] and "ends at" in dubbed.left_out[1].reason


def test_of_several_faces_the_largest_or_the_one_that_is_named(tiny_dubber, reference, tmp_path):
    film = write_film(tmp_path / "a.mp4", every(25, 1.6), two_faces)
    largest, left, right = (tiny_dubber.dub(film, "bin now", reference, face=n).samples for n in (None, 1, 2))
    assert np.array_equal(largest, right) and not np.array_equal(largest, left)
    with pytest.raises(DubberError, match="no face 3: 2 found, counted from the left"):
        tiny_dubber.dub(film, "bin now", reference, face=3)
    picture = cv2.imdecode(np.frombuffer(tiny_dubber.faces(film), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (28 + 384, 640, 3)
    taken, other = (places(picture, colour) for colour in ((0, 160, 255), (255, 200, 0)))
    assert taken > 320 > other  # the one that is taken is at the right


def places(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Where, from left to right, a colour (BGR) is found on average."""
    return (np.abs(picture - np.int16(colour)).sum(2) < 60).nonzero()[1].mean()


def peak_memory() -> float:
    """The most that this process has had in memory since the last call, MB; without Linux's files, ever."""
    try:
        peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        Path("/proc/self/clear_refs").write_text("5")
        return int(peak.split()[1]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.slow
def test_a_long_video_takes_no_more_memory_than_a_short_one(tiny_dubber, reference, tmp_path):
    """Seventy seconds of 480 x 360 are 900 MB of pictures at 25 a second."""

    def studio(times):
        faces = [np.full((360, 480, 3), 90, np.uint8) for _ in range(25)]
        for picture, face in zip(faces, talking(every(25, 1), size=240), strict=True):
            picture[60:300, 120:360] = face
        return (faces[n % 25] for n in range(len(times)))

    film = write_film(tmp_path / "a.mp4", every(10, 70), studio, preset="ultrafast")
    words = subtitles(tmp_path / "a.srt", (1.0, 2.0, "bin blue"), (66.0, 67.0, "now"))
    peak_memory()
    tiny_dubber.dub(film, [Cue.from_text("bin", end=1.0)], reference).save(tmp_path / "short.mp4")
    before = peak_memory()
    tiny_dubber.dub(film, read_subtitles(words), reference).save(tmp_path / "b.mp4")
    grown = peak_memory() - before
    assert grown < 100, f"{grown:.0f} MB"
    assert packets(tmp_path / "b.mp4") == packets(film)
    with pytest.raises(DubberError, match=r"spans 70\.0 s, and the model speaks at most 62\.5 s") as told:
        tiny_dubber.dub(film, TEXT, reference)
    assert "--subtitles" in told.value.hint


def test_a_text_must_fit_its_span(tiny_dubber, film, reference):
    with pytest.raises(DubberError, match=r"too long for its span: \d+ phonemes in 0\.40 s"):
        tiny_dubber.dub(film, [Cue.from_text(TEXT, end=0.4)], reference)
    tiny_dubber.dub(film, [Cue.from_text("bin", end=0.4)], reference)


@pytest.mark.parametrize(("start", "end"), [(2.0, 1.0), (-1.0, None), (0.0, 0.0)])
def test_a_span_that_ends_before_it_begins_is_refused(start, end):
    with pytest.raises(DubberError, match="Invalid span"):
        Cue.from_text(TEXT, start, end)


def test_without_words_there_is_nothing_to_say(tiny_dubber, film, reference):
    with pytest.raises(DubberError, match="nothing to say"):
        tiny_dubber.dub(film, [], reference)


def test_a_full_disk_leaves_nothing(tiny_dubber, reference, tmp_path):
    def noise(times):
        random = np.random.default_rng(0)
        for picture in talking(times):
            yield np.concatenate([picture, random.integers(0, 255, picture.shape, np.uint8)])

    film = write_film(tmp_path / "a.mp4", every(25, 1), noise)
    assert film.stat().st_size > 300_000
    dubbed = tiny_dubber.dub(film, "bin now", reference)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for name, most in (("b.mp4", 150_000), ("b.webm", 60_000), ("b.wav", 10_000)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
        try:
            with pytest.raises(DubberError, match="disk is full"):
                dubbed.save(tmp_path / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {path.name for path in tmp_path.iterdir()} == {"a.mp4"}, name


def test_outputs_are_not_overwritten_unasked(tiny_dubber, film, reference, tmp_path):
    dubbed = tiny_dubber.dub(film, "bin now", reference)
    dubbed.save(tmp_path / "a.wav")
    with pytest.raises(DubberError, match="exists"):
        dubbed.save(tmp_path / "a.wav")
    dubbed.save(tmp_path / "a.wav", force=True)
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav").samples, dubbed.samples, atol=1e-4)
    with pytest.raises(DubberError, match="the video itself"):
        dubbed.save(film, force=True)
    with pytest.raises(DubberError, match=r"ends in '\.txt'"):
        dubbed.save(tmp_path / "a.txt")


def test_import_dubber_loads_nothing_heavy():
    code = "import sys, dubber; print(sorted({'torch', 'numpy', 'pydantic', 'av'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="lod"):
        dubber.lod  # noqa: B018


@pytest.mark.real
def test_grid_as_distributed_is_dubbed(tiny_dubber, reference, shared_data, tmp_path):
    clip = next(iter(sorted((shared_data / "grid-raw" / "s1").glob("bba*.mpg"))))
    dubbed = tiny_dubber.dub(clip, TEXT, clip)
    assert in_frames(dubbed.samples) == 75
    assert probe(dubbed.save(tmp_path / "a.mp4")).codec == "h264"  # browsers do not play MPEG-1
    for out in (dubbed.save(tmp_path / "a.mkv"), dubbed.save(tmp_path / "b.mp4", picture="copy")):
        assert [content for _, content in packets(out)] == [content for _, content in packets(clip)]


def hidden(times):
    """A face that is there for the first two thirds."""
    last = 2 * len(times) // 3
    for n, picture in enumerate(talking(times)):
        yield picture if n < last else np.full_like(picture, 90)


def test_a_face_that_is_hidden_in_part_is_said(tiny_dubber, film, reference, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        tiny_dubber.dub(film, "bin now", reference)
        assert "the text: its face was found in 100 % of the pictures" in caplog.text
        caplog.clear()
        tiny_dubber.dub(write_film(tmp_path / "a.mp4", every(25, 3), hidden), "bin now", reference)
    (told,) = [record for record in caplog.records if "only" in record.getMessage()]
    assert told.levelname == "WARNING" and "found in only 6" in told.getMessage() and "--start" in told.getMessage()


def test_a_film_without_a_face_says_so(tiny_dubber, reference, tmp_path):
    film = write_film(tmp_path / "a.mp4", every(25, 1), no_face)
    with pytest.raises(DubberError, match=r"The text cannot be dubbed: no face found in \d+ frames\."):
        tiny_dubber.dub(film, "bin now", reference)
