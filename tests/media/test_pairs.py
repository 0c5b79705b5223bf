"""Every usual kind of film in, every container out: decodable, as long, as many pictures, a codec that plays there."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from dubber.media.remux import Samples, replace_sound
from dubber.media.video import probe, read_frames
from tests.helpers.media_files import Kind, heard, place, shown, write_film

COUNT = 18
QUIET = {"preset": "12", "svtav1-params": "lp=1"}
KINDS = {
    "h264.mp4": Kind(),
    "h264.mkv": Kind(),
    "h264.ts": Kind(),
    "h264.avi": Kind(sound="libmp3lame"),
    "h264.flv": Kind(),
    "h264_444.mp4": Kind(pixels="yuv444p"),
    "h264_10_bit.mkv": Kind(pixels="yuv420p10le"),
    "hevc.mp4": Kind("libx265", options={"x265-params": "log-level=none"}),
    "hevc.mkv": Kind("libx265", options={"x265-params": "log-level=none"}),
    "av1.mkv": Kind("libsvtav1", options=QUIET),
    "av1.mp4": Kind("libsvtav1", options=QUIET),
    "vp9.webm": Kind("libvpx-vp9", options={"deadline": "realtime", "cpu-used": "8"}, sound="libopus"),
    "vp8.webm": Kind("libvpx", options={"deadline": "realtime"}, sound="libopus"),
    "prores.mov": Kind("prores_ks", "yuv422p10le", sound="pcm_s16le"),
    "mjpeg.mov": Kind("mjpeg", "yuvj420p", sound="pcm_s16le"),
    "mpeg1.mpg": Kind("mpeg1video", options={"b": "2000000"}, sound="mp2"),
    "mpeg2.ts": Kind("mpeg2video", options={"b": "2000000"}, sound="mp2"),
    "mpeg4.avi": Kind("mpeg4", options={"b": "2000000"}, sound="libmp3lame"),
    "raw.avi": Kind("rawvideo", sound="pcm_s16le"),
    "ffv1.mkv": Kind("ffv1", sound="flac"),
    "gif.gif": Kind("gif", "rgb8", sound=None),
    "elementary.264": Kind(sound=None, format="h264"),
}
OUTPUTS = ("mp4", "mov", "mkv", "webm")
PLAYS = {
    "mp4": {"h264", "vp9", "av1"},
    "mov": {"h264", "hevc", "prores", "mjpeg"},
    "webm": {"vp8", "vp9", "av1"},
    "mkv": None,
}
COPIED = {
    "mp4": {"h264.mp4", "h264.mkv", "h264.ts", "h264.flv", "av1.mkv", "av1.mp4", "vp9.webm"},
    "mov": {"h264.mp4", "h264.mkv", "h264.ts", "h264.flv", "hevc.mp4", "hevc.mkv", "prores.mov", "mjpeg.mov"},
    "webm": {"av1.mkv", "av1.mp4", "vp9.webm", "vp8.webm"},
    "mkv": set(KINDS) - {"gif.gif", "raw.avi", "elementary.264", "h264.avi"},
}
SPEECH = Samples((0.2 * np.sin(np.arange(round(COUNT / 25 * 16_000)) / 5)).astype(np.float32), 16_000)


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, kind in KINDS.items():
        write_film(folder / name, kind, COUNT)
    return folder


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("name", KINDS)
def test_a_film_of_any_kind_gets_its_sound_in_any_container(films, tmp_path, name, output):
    path = tmp_path / f"out.{output}"
    copied = replace_sound(films / name, path, SPEECH)
    assert copied == (name in COPIED[output])
    pictures = shown(path)
    assert len(pictures) == COUNT
    assert np.abs(np.array([number for _, number in pictures]) - np.arange(COUNT)).max() < 0.7
    assert np.diff([time for time, _ in pictures[1:-1]]) == pytest.approx(0.04, abs=0.002)
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert PLAYS[output] is None or codec.codec.canonical_name in PLAYS[output]
        assert output != "mp4" or codec.pix_fmt in ("yuv420p", "yuvj420p")
        assert container.duration / av.time_base == pytest.approx(COUNT / 25, abs=0.1)
    sound = heard(path)
    assert np.abs(sound).max() == pytest.approx(0.2, abs=0.05)
    assert {path.name for path in tmp_path.iterdir()} == {path.name}


@pytest.mark.parametrize("name", KINDS)
def test_every_picture_of_it_is_seen_and_its_length_is_known(films, name):
    about = probe(films / name)
    assert (about.width, about.height) == (64, 48)
    assert about.duration == pytest.approx(COUNT / 25, abs=0.12)
    numbers = [place(frame) for frame in read_frames(films / name)]
    assert abs(len(numbers) - COUNT) <= 1  # an .avi counts its first picture from when it is decoded
    assert np.abs(np.unique(np.round(numbers)) - np.arange(COUNT)).max() == 0


def test_a_picture_is_copied_into_an_mp4_on_request_and_encoded_on_request(films, tmp_path):
    assert replace_sound(films / "mpeg1.mpg", tmp_path / "a.mp4", SPEECH, picture="copy")
    assert probe(tmp_path / "a.mp4").codec == "mpeg1video"
    assert not replace_sound(films / "h264.mp4", tmp_path / "b.mp4", SPEECH, picture="encode")
    assert not replace_sound(films / "prores.mov", tmp_path / "c.mp4", SPEECH, picture="copy")  # no mp4 holds it
    assert probe(tmp_path / "c.mp4").codec == "h264"
