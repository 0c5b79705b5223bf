"""Reading and writing video: any frame rate in, a fixed one out, in bounded memory."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from dubber.artifacts import atomic_path
from dubber.errors import ClipError, DubberError
from dubber.limits import MAX_PIXELS
from dubber.media.encoding import MP4, add_picture, add_sound, encoded, writing

log = logging.getLogger(__name__)

BROWSER_CODECS = ("h264", "vp9", "av1")
BROWSER_PIXELS = ("yuv420p", "yuvj420p")
LONGEST_STILL = 10.0  # s; a longer jump of the time stamps is damage, not a still picture
RUN_UP = 1.0  # s before a span from which a video is decoded, so that no picture of the span hangs in the air
SILENT_LOG = av.logging.FATAL


@dataclass(frozen=True)
class Span:
    """A part of a video: seconds from its first picture; without an `end` it is the video's."""

    start: float = 0.0
    end: float | None = None


WHOLE = Span()


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


def clip_file(root: Path, row: Mapping[str, Any], name: str) -> Path:
    """The file of a clip of a manifest.

    Raises:
        DubberError: it was there when the corpus was listed, and is not any more. That is no bad clip but another
            corpus, which the next run sees.
    """
    path = root / name
    if row.get("digest") and not path.is_file():
        raise DubberError(
            f"Clip {row['clip']} has vanished since the corpus was listed.",
            looked_at=path,
            hint="Run the same command again: it lists the corpus again.",
        )
    return path


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
        ClipError: there is none, or its pictures are larger than `MAX_PIXELS`.
    """
    if not container.streams.video:
        raise ClipError("no video stream")
    stream = container.streams.video[0]
    _refuse_huge(stream.codec_context.width, stream.codec_context.height)
    return stream


def _refuse_huge(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ClipError(f"a picture of {width}x{height} is larger than the {MAX_PIXELS:,} pixels that are decoded")


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


def read_frames(path: Path | str, fps: int | Fraction = 25, span: Span = WHOLE) -> Iterator[np.ndarray]:
    """Decode to a fixed frame rate: output n shows what the video shows (n + 1/2) / fps after the span's start.

    Args:
        fps: frames per second of the output.
        span: the part that is wanted; a keyframe shortly before it is sought.

    Yields:
        uint8 [height, width, 3] RGB, turned upright.

    Raises:
        ClipError: not a video, decoding breaks off, or the video ends before the span begins.
    """
    with opened(path) as container:
        n, last = 0, math.inf if span.end is None else span.end
        for still in _stills(container, picture_stream(container), span.start):
            picture = None
            while (time := span.start + (n + 0.5) / fps) < min(still.end, last):
                picture = _upright(still.frame) if picture is None else picture
                yield picture
                n += 1
            if time >= last:
                break
        if n == 0:
            raise ClipError("no picture can be decoded" if span == WHOLE else f"no picture at {span.start:.2f} s")


@dataclass(frozen=True)
class _Still:
    """A decoded frame and the time at which the next one takes its place, s from the first picture."""

    frame: av.VideoFrame
    end: float


def _stills(container: av.container.InputContainer, stream: av.VideoStream, start: float) -> Iterator[_Still]:
    """Every frame that is shown after `start` (s), and perhaps some before; the last is shown for its own length."""
    held: av.VideoFrame | None = None
    end: float | None = None
    for time, frame in _frames_from(container, stream, start):
        _refuse_huge(frame.width, frame.height)  # a stream may change its size on the way
        time = (end or 0.0) if time is None else time
        if frame.is_corrupt and time >= start:
            raise ClipError(f"the picture is damaged at {time:.2f} s")
        if time > (time if end is None else end) + LONGEST_STILL:
            raise ClipError(f"the time stamps jump from {end:.2f} s to {time:.2f} s")
        if held is not None:
            yield _Still(held, time)
        held, end = frame, time + _length(frame, stream)
    if held is not None:
        yield _Still(held, end or 0.0)


def _frames_from(
    container: av.container.InputContainer, stream: av.VideoStream, start: float
) -> Iterator[tuple[float | None, av.VideoFrame]]:
    """Frames from the last keyframe `RUN_UP` before `start` on, each with its time (s from the first picture) if known.

    Where the file has no index, or its time stamps do not start with the first picture, all of it is decoded.
    """
    frames = container.decode(stream)
    first = next(frames, None)
    if first is None:
        return
    zero = first.time or 0.0
    if first.time is not None and start > 2 * RUN_UP:
        frames = _sought(container, stream, zero, start - RUN_UP)
    else:
        frames = itertools.chain([first], frames)
    for frame in frames:
        yield None if frame.time is None else frame.time - zero, frame


def _sought(
    container: av.container.InputContainer, stream: av.VideoStream, zero: float, time: float
) -> Iterator[av.VideoFrame]:
    """Frames from a keyframe at or before `time` (s after the first picture's `zero`) on; all where that fails."""
    tick = stream.time_base or Fraction(1, av.time_base)
    try:
        container.seek(round((zero + time) / tick), stream=stream)
        frames = container.decode(stream)
        found = next(frames, None)
        if found is not None and found.time is not None and found.time - zero <= time:
            return itertools.chain([found], frames)
    except av.FFmpegError:
        log.info("%s cannot be sought in: it is read from its beginning", Path(container.name).name)
    container.seek(round(zero / tick), stream=stream)
    return container.decode(stream)


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
    with atomic_path(path) as temporary, writing(temporary, MP4) as output:
        picture: av.VideoStream | None = None
        sound = None if samples is None else (add_sound(output, MP4, sample_rate, 1), samples)
        for frame in frames:
            if picture is None:
                picture = add_picture(output, MP4, frame.shape[1], frame.shape[0], fps)
            output.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if picture is None:
            raise ClipError("a video needs at least one frame")
        output.mux(picture.encode())
        if sound is not None:
            for packets in encoded(sound[0], [sound[1][None]], sample_rate):
                output.mux(packets)
