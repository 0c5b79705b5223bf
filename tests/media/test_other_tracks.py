"""Other sound tracks, subtitles, chapters, names and default flags are kept where the container takes them."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from dubber.dub.sound import original_sound
from dubber.media.audio import read_audio
from dubber.media.remux import Samples, replace_sound
from tests.helpers.media_files import heard, mux_sound, picture, shown, tone

COUNT = 50
SPEECH = Samples(tone(2.0, 16_000, 1000.0), 16_000)
FIRST, SECOND, THIRD = 300.0, 500.0, 700.0  # Hz of the sound tracks


def write_rich(path: Path, sound: str = "aac", subtitle: str | None = "subrip") -> Path:
    """Three sound tracks, of which the second is the default, subtitles, chapters and a title."""
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "A rich film"
        stream = output.add_stream("libx264", rate=25, options={"g": "10", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sounds = [output.add_stream(sound, rate=48_000, layout="mono") for _ in range(3)]
        for track, language, flags in zip(sounds, ("deu", "eng", "fra"), (0, Disposition.default, 0), strict=True):
            track.metadata["language"], track.disposition = language, Disposition(flags)
        texts = None
        if subtitle:
            texts = output.add_mux_stream(subtitle, time_base=Fraction(1, 1000))
            texts.metadata["language"] = "spa"
        if path.suffix != ".webm":
            output.set_chapters([
                {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}},
                {"id": 2, "start": 1000, "end": 2000, "time_base": Fraction(1, 1000), "metadata": {"title": "Two"}},
            ])  # fmt: skip
        for n in range(COUNT):
            frame = av.VideoFrame.from_ndarray(picture(n % 15), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
        for track, hertz in zip(sounds, (FIRST, SECOND, THIRD), strict=True):
            mux_sound(output, track, tone(COUNT / 25, 48_000, hertz), 48_000)
        if texts is not None:
            packet = av.Packet(b"Hello there")
            packet.stream, packet.pts, packet.dts, packet.duration = texts, 500, 500, 1000
            packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    return path


def pitch(samples: np.ndarray, rate: int = 48_000) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples))


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> Path:
    return write_rich(tmp_path_factory.mktemp("rich") / "rich.mkv")


def test_the_default_track_is_the_one_that_is_heard_and_replaced(rich, tmp_path):
    assert pitch(read_audio(rich).samples, 16_000) == pytest.approx(SECOND, abs=2)
    assert original_sound(rich).rate == 48_000
    replace_sound(rich, tmp_path / "a.mkv", SPEECH)
    with av.open(str(tmp_path / "a.mkv")) as container:
        languages = [stream.language for stream in container.streams.audio]
        default = [bool(stream.disposition & Disposition.default) for stream in container.streams.audio]
    assert languages == [None, "deu", "fra"] and default == [True, False, False]
    pitches = [pitch(heard(tmp_path / "a.mkv", n), 16_000 if n == 0 else 48_000) for n in range(3)]
    assert pitches == pytest.approx([1000.0, FIRST, THIRD], abs=12)


@pytest.mark.parametrize("how", ["auto", "encode"])
def test_subtitles_chapters_and_names_are_kept(rich, tmp_path, how):
    replace_sound(rich, tmp_path / "a.mkv", SPEECH, picture=how)
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.metadata["title"] == "A rich film"
        assert [(c["metadata"]["title"], float(c["start"] * c["time_base"])) for c in container.chapters()] == [
            ("One", 0.0),
            ("Two", 1.0),
        ]
        (texts,) = container.streams.subtitles
        assert texts.language == "spa"
        (packet,) = [packet for packet in container.demux(texts) if packet.size]
        assert bytes(packet) == b"Hello there" and float(packet.pts * packet.time_base) == 0.5
    assert len(shown(tmp_path / "a.mkv")) == COUNT


def test_what_a_container_does_not_take_is_said(rich, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        replace_sound(rich, tmp_path / "a.mp4", SPEECH)
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert len(told) == 1 and "subtitle track 4 (subrip, spa)" in told[0]
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(container.streams.audio) == 3 and not container.streams.subtitles
        assert len(container.chapters()) == 2


def test_tracks_are_kept_from_an_mp4_too(tmp_path):
    film = write_rich(tmp_path / "a.mp4", subtitle=None)
    replace_sound(film, tmp_path / "b.mp4", SPEECH)
    replace_sound(film, tmp_path / "b.mkv", SPEECH)
    for name in ("b.mp4", "b.mkv"):
        with av.open(str(tmp_path / name)) as container:
            assert [stream.language for stream in container.streams.audio][1:] == ["deu", "fra"]
            assert len(container.chapters()) == 2


def test_a_webm_keeps_only_what_it_holds(rich, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        replace_sound(rich, tmp_path / "a.webm", SPEECH)
    assert sum("left out" in record.getMessage() for record in caplog.records) == 3
    with av.open(str(tmp_path / "a.webm")) as container:
        assert len(container.streams.audio) == 1


def test_a_late_picture_and_the_tracks_beside_it_stay_together(rich, tmp_path):
    late = tmp_path / "late.mkv"
    with av.open(str(rich)) as original, av.open(str(late), "w") as output:
        tracks = {s.index: output.add_stream_from_template(s, opaque=True) for s in original.streams}
        for packet in original.demux():
            if packet.size:
                delay = round(3 / packet.time_base)
                packet.pts, packet.dts = (
                    packet.pts + delay,
                    (packet.dts if packet.dts is not None else packet.pts) + delay,
                )
                packet.stream = tracks[packet.stream_index]
                output.mux(packet)
    replace_sound(late, tmp_path / "a.mkv", SPEECH)
    assert shown(tmp_path / "a.mkv")[0][0] == pytest.approx(0, abs=0.001)
    with av.open(str(tmp_path / "a.mkv")) as container:
        (packet,) = [packet for packet in container.demux(subtitles=0) if packet.size]
        assert float(packet.pts * packet.time_base) == 0.5


def test_a_cover_is_no_picture(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        film = output.add_stream("libx264", rate=25)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        output.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        for n in range(15):
            frame = av.VideoFrame.from_ndarray(picture(n), format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            output.mux(film.encode(frame))
        output.mux(film.encode())
    replace_sound(path, tmp_path / "b.mkv", SPEECH)
    assert len(shown(tmp_path / "b.mkv")) == 15
