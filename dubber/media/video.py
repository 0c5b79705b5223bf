"""Reading and writing video: any frame rate in, a fixed one out, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from dubber.artifacts import atomic_path
from dubber.errors import ClipError

log = logging.getLogger(__name__)

VIDEO_CODEC, AUDIO_CODEC = "libx264", "aac"
QUALITY = "18"  # x264's constant rate factor: visually lossless
BROWSER_CODECS = ("h264", "vp9", "av1")
BROWSER_PIXELS = ("yuv420p", "yuvj420p")
LONGEST_STILL = 10.0  # s; a longer jump of the time stamps is damage, not a still picture
MOST_FPS = 60  # of what is encoded anew; live recordings promise a thousand frames a second
SILENT_LOG = av.logging.FATAL


@dataclass(frozen=True)
class Probe:
    """What a video file says about itself.

    Attributes:
        width, height: pixels, as shown (after rotation).
        fps: average frames per second, as the container tells it.
        duration: seconds, 0 where the container does not tell.
        n_frames: pictures in the file, 0 where the container does not tell.
        has_audio: whether it has a sound stream.
        rotation: degrees counter-clockwise by which the frames must be turned.
        codec: name of the picture's codec.
        pixels: FFmpeg's name of the pixel format.
        container: FFmpeg's names of the container, with commas.
    """

    width: int
    height: int
    fps: float
    duration: float
    n_frames: int
    has_audio: bool
    rotation: int
    codec: str
    pixels: str
    container: str

    @property
    def plays_in_browsers(self) -> bool:
        return "mp4" in self.container.split(",") and self.codec in BROWSER_CODECS and self.pixels in BROWSER_PIXELS


@contextmanager
def opened(path: Path | str) -> Iterator[av.container.InputContainer]:
    """Open a media file for reading.

    Raises:
        ClipError: the file is missing, empty or not a media file; also where decoding breaks off inside the block.
    """
    path = Path(path)
    if not path.is_file():
        raise ClipError(f"the file is missing: {path}")
    if path.stat().st_size == 0:
        raise ClipError(f"the file is empty: {path}")
    av.logging.set_level(SILENT_LOG)
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            yield container
    except av.FFmpegError as error:
        raise ClipError(f"{path.name} cannot be decoded: {error.strerror or error}") from error


def picture_stream(container: av.container.InputContainer) -> av.VideoStream:
    """The picture stream.

    Raises:
        ClipError: there is none.
    """
    if not container.streams.video:
        raise ClipError("no video stream")
    return container.streams.video[0]


def probe(path: Path | str) -> Probe:
    """Look at a video file without decoding it, but for one frame (which tells the rotation)."""
    with opened(path) as container:
        stream = picture_stream(container)
        frame = next(container.decode(stream), None)
        if frame is None:
            raise ClipError("no picture can be decoded")
        turned = frame.rotation % 180 == 90
        width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
        duration = float(container.duration or 0) / av.time_base
        return Probe(
            width,
            height,
            float(stream.average_rate or stream.guessed_rate or 0),
            duration,
            stream.frames,
            bool(container.streams.audio),
            frame.rotation,
            stream.codec_context.name,
            frame.format.name,
            container.format.name,
        )


def read_frames(path: Path | str, fps: int = 25) -> Iterator[np.ndarray]:
    """Decode to a fixed frame rate: output n shows what the video shows at (n + 1/2) / fps.

    Args:
        fps: frames per second of the output.

    Yields:
        uint8 [height, width, 3] RGB, turned upright.

    Raises:
        ClipError: not a video, or decoding breaks off.
    """
    with opened(path) as container:
        stream = picture_stream(container)
        held, n, start, end = None, 0, None, 0.0
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise ClipError(f"the picture is damaged at {frame.time or end:.2f} s")
            time = frame.time if frame.time is not None else end
            start = time if start is None else start
            time -= start
            if time > end + LONGEST_STILL:
                raise ClipError(f"the time stamps jump from {end:.2f} s to {time:.2f} s")
            while held is not None and (n + 0.5) / fps < time:
                yield held
                n += 1
            held = _upright(frame)
            end = time + _length(frame, stream)
        while held is not None and (n + 0.5) / fps < end:
            yield held
            n += 1
        if n == 0:
            raise ClipError("no picture can be decoded")


def _length(frame: av.VideoFrame, stream: av.VideoStream) -> float:
    if frame.duration and frame.time_base:
        return float(frame.duration * frame.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return float(1 / rate) if rate else 0.0


def _upright(frame: av.VideoFrame) -> np.ndarray:
    picture = frame.to_ndarray(format="rgb24", threads=1)
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, quarter_turns)) if quarter_turns else picture


def write_video(
    path: Path | str, frames: Iterable[np.ndarray], fps: int, samples: np.ndarray | None, sample_rate: int
) -> None:
    """Write H.264 and AAC in an mp4 that a browser plays; the file is whole or absent.

    Args:
        frames: uint8 [height, width, 3] RGB; both sides even.
        fps: frames per second.
        samples: float32 [n] in -1..1, mono, or None for a silent video.
        sample_rate: Hz.
    """
    with atomic_path(path) as temporary, _mp4(temporary) as output:
        picture, sound = None, _sound_stream(output, sample_rate) if samples is not None else None
        for frame in frames:
            if picture is None:
                picture = _picture_stream(output, frame.shape[1], frame.shape[0], fps)
            output.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if picture is None:
            raise ClipError("a video needs at least one frame")
        output.mux(picture.encode())
        if sound is not None:
            _write_sound(output, sound, samples, sample_rate)


def mux(source: Path | str, samples: np.ndarray, sample_rate: int, output: Path | str, *, copy: bool = True) -> None:
    """Give the picture of `source` another sound.

    The picture stream of an mp4 that browsers play is copied untouched; any other is encoded as H.264,
    at most `MOST_FPS` frames a second.

    Args:
        samples: float32 [n] in -1..1, mono.
        sample_rate: Hz.
        copy: False encodes in any case.
    """
    about = probe(source)
    if not (copy and about.plays_in_browsers):
        fps = min(max(1, round(about.fps)), MOST_FPS)
        write_video(output, (_even(frame) for frame in read_frames(source, fps)), fps, samples, sample_rate)
        return
    with opened(source) as original, atomic_path(output) as temporary, _mp4(temporary) as target:
        stream = picture_stream(original)
        picture = target.add_stream_from_template(stream)
        sound = _sound_stream(target, sample_rate)
        for packet in original.demux(stream):
            if packet.size:
                packet.pts -= stream.start_time or 0
                packet.dts -= stream.start_time or 0
                packet.stream = picture
                target.mux(packet)
        _write_sound(target, sound, samples, sample_rate)


def _even(frame: np.ndarray) -> np.ndarray:
    """H.264 wants even sides: an odd last row or column is dropped."""
    return np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])


@contextmanager
def _mp4(path: Path) -> Iterator[av.container.OutputContainer]:
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as output:
        yield output


def _picture_stream(output: av.container.OutputContainer, width: int, height: int, fps: int) -> av.VideoStream:
    stream = output.add_stream(VIDEO_CODEC, rate=fps, options={"crf": QUALITY, "preset": "veryfast", "threads": "1"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream


def _sound_stream(output: av.container.OutputContainer, sample_rate: int) -> av.AudioStream:
    stream = output.add_stream(AUDIO_CODEC, rate=sample_rate, layout="mono")
    stream.bit_rate = 96_000
    return stream


def _write_sound(
    output: av.container.OutputContainer, stream: av.AudioStream, samples: np.ndarray, sample_rate: int
) -> None:
    size = stream.codec_context.frame_size or 1024
    for start in range(0, len(samples), size):
        block = np.ascontiguousarray(samples[None, start : start + size], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
        output.mux(stream.encode(frame))
    output.mux(stream.encode())
