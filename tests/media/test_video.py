"""Video in any frame rate comes out at 25 fps, and what is written plays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from dubber.errors import ClipError
from dubber.media.remux import mux
from dubber.media.video import probe, read_frames, write_video

SIZE = (48, 64)  # height, width


def grey(level: int) -> np.ndarray:
    return np.full((*SIZE, 3), level, np.uint8)


def levels(path: Path, fps: int = 25) -> list[int]:
    """The brightness of every frame, in steps of ten as the tests write it."""
    return [round(frame.mean() / 10) for frame in read_frames(path, fps)]


def write_at(path: Path, times: list[float], codec: str = "libx264", rate: int = 25, **stream_settings: object) -> None:
    """Frame n has brightness 10 n and is shown from `times[n]` (s) on."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options={"crf": "10"} if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for name, value in stream_settings.items():
            setattr(stream, name, value)
        stream.codec_context.time_base = Fraction(1, 1000) if codec != "mpeg1video" else Fraction(1, rate)
        for n, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(grey(10 * n), format="rgb24")
            frame.time_base = stream.codec_context.time_base
            frame.pts = round(time / frame.time_base)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())


def rotate(path: Path) -> None:
    """Write a quarter turn clockwise into an mp4's track header, as a telephone held upright does."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 44
    one, zero = (1 << 16).to_bytes(4, "big", signed=True), bytes(4)
    minus_one = (-(1 << 16)).to_bytes(4, "big", signed=True)
    content[at : at + 20] = zero + one + zero + minus_one + zero
    path.write_bytes(content)


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, (grey(10 * n) for n in range(20)), 25, np.zeros(12_800, np.float32), 16_000)
    assert levels(path) == list(range(20))
    about = probe(path)
    assert (about.width, about.height, about.n_frames, about.has_audio, about.rotation) == (64, 48, 20, True, 0)
    assert about.fps == 25 and about.codec == "h264" and about.duration == pytest.approx(0.8, abs=0.07)


def test_the_index_stands_first_and_the_bytes_repeat(tmp_path):
    sound = np.sin(np.arange(8000) / 9).astype(np.float32) / 2
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, (grey(10 * n) for n in range(12)), 25, sound, 16_000)
    content = (tmp_path / "a.mp4").read_bytes()
    assert content == (tmp_path / "b.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_failed_write_leaves_nothing(tmp_path):
    def frames():
        yield grey(0)
        raise RuntimeError("out of pictures")

    with pytest.raises(RuntimeError):
        write_video(tmp_path / "a.mp4", frames(), 25, None, 16_000)
    with pytest.raises(ClipError, match="at least one frame"):
        write_video(tmp_path / "b.mp4", [], 25, None, 16_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fps", [12, 30, 50, 60])
def test_every_frame_rate_ends_at_25(tmp_path, fps):
    path = tmp_path / "a.mp4"
    write_video(path, (grey(10 * (n * 20 // fps)) for n in range(fps)), fps, None, 16_000)
    found = levels(path)
    assert len(found) == 25
    shown = [int((n + 0.5) / 25 * fps) * 20 // fps for n in range(25)]
    assert found == shown


def test_variable_frame_rate_follows_the_time_stamps(tmp_path):
    times = [0.0, 0.03, 0.05, 0.3, 0.31, 0.4]
    path = tmp_path / "a.mkv"
    write_at(path, times)
    found = levels(path)
    middles = (np.arange(10) + 0.5) / 25
    assert found[:10] == [int(np.searchsorted(times, t, side="right") - 1) for t in middles]


def test_a_late_start_is_not_a_still(tmp_path):
    path = tmp_path / "a.mkv"
    write_at(path, [2.0, 2.04, 2.08])
    assert levels(path) == [0, 1, 2]


def test_a_jump_of_the_time_stamps_is_damage(tmp_path):
    path = tmp_path / "a.mkv"
    write_at(path, [0.0, 0.04, 4000.0])
    with pytest.raises(ClipError, match="time stamps jump"):
        levels(path)


def test_a_turned_video_is_turned_upright(tmp_path):
    path, left_is_bright = tmp_path / "a.mp4", np.zeros((*SIZE, 3), np.uint8)
    left_is_bright[:, :32] = 200
    write_video(path, [left_is_bright] * 5, 25, None, 16_000)
    rotate(path)
    assert (probe(path).width, probe(path).height, abs(probe(path).rotation)) == (48, 64, 90)
    upright = next(read_frames(path))
    assert upright.shape == (64, 48, 3)
    assert upright[:28].mean() > 180 and upright[36:].mean() < 20


def test_what_is_no_video_says_why(tmp_path):
    empty, words, sound = tmp_path / "empty.mp4", tmp_path / "words.mp4", tmp_path / "sound.wav"
    empty.touch()
    words.write_text("not a video")
    soundfile.write(sound, np.zeros(1600), 16_000)
    for path, reason in [
        (tmp_path / "none.mp4", "missing"),
        (empty, "empty"),
        (words, "cannot be decoded"),
        (sound, "no video stream"),
    ]:
        with pytest.raises(ClipError, match=reason):
            list(read_frames(path))
        with pytest.raises(ClipError, match=reason):
            probe(path)


def test_a_file_cut_short_fails(tmp_path):
    path = tmp_path / "a.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (40, *SIZE, 3), dtype=np.uint8)
    write_video(path, noise, 25, None, 16_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(ClipError, match=r"damaged|decoded"):
        list(read_frames(path))


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_new_sound_under_an_untouched_picture(tmp_path):
    source, target = tmp_path / "a.mp4", tmp_path / "b.mp4"
    write_video(source, (grey(10 * n) for n in range(20)), 25, np.zeros(12_800, np.float32), 16_000)
    mux(source, np.ones(12_800, np.float32) / 2, 16_000, target)
    assert packets(target) == packets(source)
    assert levels(target) == list(range(20))
    with av.open(str(target)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert abs(sound[2000:10_000].mean()) > 0.2 or np.abs(sound).max() > 0.2


def test_a_late_picture_starts_with_the_new_sound(tmp_path):
    source, target = tmp_path / "a.mkv", tmp_path / "b.mp4"
    write_at(source, [1.0 + n / 25 for n in range(20)])
    mux(source, np.zeros(12_800, np.float32), 16_000, target)
    with av.open(str(target)) as container:
        assert next(container.decode(video=0)).time == pytest.approx(0, abs=0.001)


def test_a_live_recording_is_not_encoded_at_a_thousand_frames_a_second(tmp_path):
    """Its container counts milliseconds and gives them as the frame rate."""
    source, target = tmp_path / "a.webm", tmp_path / "b.mp4"
    write_at(source, [0.0, 0.04, 0.075, 0.12, 0.16], codec="libvpx", rate=1000)
    assert probe(source).fps == 1000
    mux(source, np.zeros(3200, np.float32), 16_000, target)
    assert probe(target).fps <= 60 and probe(target).n_frames <= 13
    assert levels(target) == levels(source) == [0, 1, 2, 3]


@pytest.mark.parametrize("copy", [True, False])
def test_a_picture_that_browsers_cannot_play_is_encoded(tmp_path, copy):
    source, target = tmp_path / "a.mpg", tmp_path / "b.mp4"
    write_at(source, [n / 25 for n in range(20)], codec="mpeg1video", bit_rate=2_000_000)
    assert probe(source).codec == "mpeg1video"
    mux(source, np.zeros(12_800, np.float32), 16_000, target, copy=copy)
    assert probe(target).codec == "h264" and probe(target).has_audio
    assert levels(target) == levels(source)
