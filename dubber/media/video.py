"""Reading and writing video: any frame rate in, a fixed one out, in bounded memory."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer

from dubber.errors import ClipError, DubberError
from dubber.files import atomic_path
from dubber.media.encoding import MP4, add_picture, add_sound, encoded, writing
from dubber.media.source import (
    UPRIGHT,
    Orientation,
    opened,
    picture_start,
    picture_stream,
    pixel_aspect,
    refuse_huge,
    square_size,
    tick,
)

log = logging.getLogger(__name__)

LONGEST_STILL = 10.0  # s; a longer jump of the time stamps is damage, not a still picture
LONGEST_SLIDE = 600.0  # s; the same where pictures are only written, each once
LEAST_BYTES = 1000  # of a file for each second that its header claims, or its length is measured
RUN_UP = 1.0  # s before a span from which a video is decoded, so that no picture of the span hangs in the air


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
        width, height: pixels, as shown (turned upright, with square pixels).
        fps: average frames per second, as the container tells it.
        duration: seconds; measured where the container does not tell.
        n_frames: pictures in the file, 0 where the container does not tell.
        has_audio: whether it has a sound stream.
        orientation: how the frames must be turned.
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
    orientation: Orientation
    codec: str
    pixels: str
    container: str

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise by which the frames must be turned: -180, -90, 0 or 90."""
        return (90 * self.orientation.quarter_turns + 180) % 360 - 180

    @property
    def plays_in_browsers(self) -> bool:
        """Whether the file's own picture plays in them."""
        return "mp4" in self.container.split(",") and MP4.plays(self.codec, self.pixels)


def clip_file(root: Path, row: Mapping[str, Any], name: str) -> Path:
    """The path of a clip of a manifest.

    Raises:
        DubberError: the file existed when the corpus was listed, and is missing now. The next run lists the corpus
            again.
    """
    path = root / name
    if row.get("digest") and not path.is_file():
        raise DubberError(
            f"Clip {row['clip']} has vanished since the corpus was listed.",
            looked_at=path,
            hint="Run the same command again: it lists the corpus once more.",
        )
    return path


def probe(path: Path | str) -> Probe:
    """Look at a video file: one frame is decoded, and where no duration is told, its packets are read to the end.

    Raises:
        ClipError: the file cannot be read, or no picture in it can be decoded.
    """
    with opened(path) as container:
        stream = picture_stream(container)
        frame = next(container.decode(stream), None)
        if frame is None:
            raise ClipError("no picture can be decoded")
        orientation = Orientation.of_frame(frame)
        width, height = square_size(frame.width, frame.height, pixel_aspect(stream))
        if orientation.on_its_side:
            width, height = height, width
        told = float(container.duration or 0) / av.time_base
        credible = 0 < told < container.size / LEAST_BYTES
        return Probe(
            width,
            height,
            float(stream.average_rate or stream.guessed_rate or 0),
            told if credible else _measured(path),
            stream.frames,
            bool(container.streams.audio),
            orientation,
            stream.codec_context.codec.canonical_name,
            frame.format.name,
            container.format.name,
        )


def _measured(path: Path | str) -> float:
    """The time (s) from the first picture to the end of the last picture or sound, by the packets' time stamps."""
    first, end, seconds = math.inf, -math.inf, 0.0
    with opened(path) as container:
        stream = picture_stream(container)
        for packet in container.demux([stream, *container.streams.audio]):
            if not packet.size or packet.is_discard:
                continue
            length = min(float((packet.duration or 0) * tick(packet)), LONGEST_SLIDE)
            if packet.stream_index == stream.index:
                length = length or _frame_length(stream)
                seconds += length
            time = None if packet.pts is None else float(packet.pts * tick(packet))
            if time is not None and (end < first or time < end + LONGEST_SLIDE):
                first = min(first, time) if packet.stream_index == stream.index else first
                end = max(end, time + length)
    return end - first if first < end else seconds


def read_frames(path: Path | str, fps: int | Fraction = 25, span: Span = WHOLE) -> Iterator[np.ndarray]:
    """Decode to a fixed frame rate: output n shows what the video shows (n + 1/2) / fps after the span's start.

    Args:
        fps: frames per second of the output.
        span: the part that is wanted; a keyframe shortly before it is sought.

    Yields:
        uint8 [height, width, 3] RGB, turned upright, with square pixels.

    Raises:
        ClipError: not a video, decoding breaks off, or the video ends before the span begins.
    """
    with opened(path) as container:
        n, last, time = 0, math.inf if span.end is None else span.end, span.start
        stream = picture_stream(container)
        for still in stills(container, stream, span.start):
            picture = None
            while (time := span.start + (n + 0.5) / fps) < min(still.end, last):
                picture = _as_shown(still.frame, pixel_aspect(stream)) if picture is None else picture
                yield picture
                n += 1
            if time >= last:
                break
        if n == 0:
            raise ClipError("no picture can be decoded" if span == WHOLE else f"no picture at {span.start:.2f} s")


@dataclass(frozen=True)
class Still:
    """A decoded frame, and when it is shown: s from the first picture."""

    frame: av.VideoFrame
    start: float
    end: float


def stills(
    container: InputContainer, stream: av.VideoStream, start: float = 0.0, longest: float = LONGEST_STILL
) -> Iterator[Still]:
    """Every frame that is shown after `start` (s), and perhaps some before; the last is shown for its own length.

    Args:
        longest: s for which one picture may be shown.

    Raises:
        ClipError: a picture is damaged, or the time stamps jump.
    """
    held: av.VideoFrame | None = None
    began = end = 0.0
    for time, frame in _frames_from(container, stream, start):
        refuse_huge(frame.width, frame.height)  # a stream may change its size on the way
        time = end if time is None else time
        if frame.is_corrupt and time >= start:
            raise ClipError(f"the picture is damaged at {time:.2f} s")
        if held is not None:
            if time > end + longest:
                raise ClipError(f"the time stamps jump from {end:.2f} s to {time:.2f} s")
            yield Still(held, began, time)
        length = float((frame.duration or 0) * frame.time_base) if frame.time_base else 0.0
        held, began, end = frame, time, time + (length or _frame_length(stream))
    if held is not None:
        yield Still(held, began, end)


def _frames_from(
    container: InputContainer, stream: av.VideoStream, start: float
) -> Iterator[tuple[float | None, av.VideoFrame]]:
    """Frames with their times, s from the first picture; None where the file does not tell."""
    frames = container.decode(stream)
    first = next(frames, None)
    if first is None:
        return
    zero = picture_start(container)
    if zero is None or first.time is None or not 0 <= first.time - zero <= LONGEST_STILL:
        zero = first.time or 0.0
    if first.time is not None and start > 2 * RUN_UP:
        frames = _sought(container, stream, zero, start - RUN_UP)
    else:
        frames = itertools.chain([first], frames)
    for frame in frames:
        yield None if frame.time is None else frame.time - zero, frame


def _sought(container: InputContainer, stream: av.VideoStream, zero: float, time: float) -> Iterator[av.VideoFrame]:
    """Frames from a keyframe at or before `time` (s after the first picture's `zero`) on; all where that fails."""
    try:
        container.seek(round((zero + time) / tick(stream)), stream=stream)
        frames = container.decode(stream)
        found = next(frames, None)
        if found is not None and found.time is not None and found.time - zero <= time:
            return itertools.chain([found], frames)
    except av.FFmpegError:
        log.info("%s cannot be sought in: it is read from its beginning", Path(container.name).name)
    container.seek(round(zero / tick(stream)), stream=stream)
    return container.decode(stream)


def _frame_length(stream: av.VideoStream) -> float:
    """How long (s) a frame is shown that does not tell it."""
    rate = stream.average_rate or stream.guessed_rate
    return float(1 / rate) if rate else 0.0


def _as_shown(frame: av.VideoFrame, aspect: Fraction) -> np.ndarray:
    width, height = square_size(frame.width, frame.height, aspect)
    refuse_huge(width, height)
    picture = frame.to_ndarray(format="rgb24", width=width, height=height, threads=1)
    orientation = Orientation.of_frame(frame)
    return picture if orientation == UPRIGHT else orientation.upright(picture)


def write_video(
    path: Path | str, frames: Iterable[np.ndarray], fps: int, samples: np.ndarray | None, sample_rate: int
) -> None:
    """Write H.264 and AAC in an mp4 that a browser plays; the file is whole or absent.

    Args:
        frames: uint8 [height, width, 3] RGB; both sides even.
        fps: frames per second.
        samples: float32 [n] in -1..1, mono, or None for a silent video.
        sample_rate: Hz.

    Raises:
        ClipError: there is no frame.
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
