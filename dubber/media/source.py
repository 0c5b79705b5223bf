"""A media file that is read: its tracks, when its first picture is shown, and how pictures are turned and stretched."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, TypeVar

import av
import numpy as np
from av.container import Flags, InputContainer
from av.sidedata.sidedata import Type
from av.stream import Disposition, Stream

from dubber.errors import ClipError
from dubber.files import MAX_PIXELS

SILENT_LOG = av.logging.FATAL
LONGEST_PIXEL = 4  # sides of a pixel; a header that claims more is damaged

Chosen = TypeVar("Chosen", av.VideoStream, av.AudioStream)


@contextmanager
def opened(path: Path | str) -> Iterator[InputContainer]:
    """Open a media file for reading.

    Raises:
        ClipError: the file is missing, empty or not a media file; also where decoding breaks off inside the block.
    """
    path = Path(path)
    _require(path)
    av.logging.set_level(SILENT_LOG)
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            if container.format.name == "avi":  # the time stamps made up for it are in the order of decoding
                container.flags &= ~Flags.gen_pts.value  # type: ignore[operator]  # its stub says Flags
            yield container
    except av.FFmpegError as error:
        raise ClipError(f"{path.name} cannot be decoded: {error.strerror or error}") from error


def _require(path: Path) -> None:
    """Raises `ClipError` unless it is a file with something in it that may be read."""
    try:
        if path.is_dir():
            raise ClipError(f"it is a folder: {path}")
        if not path.is_file():
            raise ClipError(f"the file is missing: {path}")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise ClipError(f"{path.name} cannot be read: {error.strerror}") from error
    if empty:
        raise ClipError(f"the file is empty: {path}")


def picture_stream(container: InputContainer) -> av.VideoStream:
    """The picture that a player shows: the default one or the first, but not a cover.

    Raises:
        ClipError: there is none, it cannot be decoded, or its pictures are larger than `MAX_PIXELS`.
    """
    films = _films(container)
    if not films:
        raise ClipError("no video stream" + (", only a cover" if container.streams.video else ""))
    stream = _chosen(films)
    if stream is None:
        raise ClipError("no video stream that can be decoded")
    refuse_huge(stream.codec_context.width, stream.codec_context.height)
    return stream


def sound_stream(container: InputContainer) -> av.AudioStream:
    """The sound that a player plays: the default one or the first.

    Raises:
        ClipError: there is none, or it cannot be decoded.
    """
    if not container.streams.audio:
        raise ClipError("no audio stream")
    stream = _chosen(container.streams.audio)
    if stream is None or not stream.codec_context.sample_rate or not stream.codec_context.channels:
        raise ClipError("no audio stream that can be decoded")
    return stream


def _films(container: InputContainer) -> list[av.VideoStream]:
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _chosen(streams: Sequence[Chosen]) -> Chosen | None:
    known = [stream for stream in streams if stream.codec_context is not None]
    return next((stream for stream in known if stream.disposition & Disposition.default), known[0] if known else None)


def picture_start(container: InputContainer) -> float | None:
    """The time stamp (s) of the first picture that is shown; None where there is no picture, or it is not told."""
    stream = _chosen(_films(container))
    return None if stream is None or stream.start_time is None else float(stream.start_time * tick(stream))


def tick(counted: Stream | av.Packet) -> Fraction:
    """The unit (s) in which a track or a packet counts its time."""
    return counted.time_base or Fraction(1, av.time_base)


def refuse_huge(width: int, height: int) -> None:
    """Refuse a picture of more than `MAX_PIXELS`.

    Raises:
        ClipError: it has more.
    """
    if width * height > MAX_PIXELS:
        raise ClipError(f"a picture of {width}x{height} is larger than the {MAX_PIXELS:,} pixels that are decoded")


@dataclass(frozen=True)
class Orientation:
    """What is done to a stored picture: mirrored left to right, then turned.

    Attributes:
        quarter_turns: counter-clockwise, 0 to 3.
        mirrored: whether left and right are exchanged before it is turned.
    """

    quarter_turns: int = 0
    mirrored: bool = False

    @classmethod
    def of_matrix(cls, matrix: Sequence[int]) -> Self:
        """From a container's display matrix (a b u, c d v, x y w): a pixel at (x, y) is shown at (ax + cy, bx + dy).

        Other angles than quarter turns become the nearest.
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        mirrored = a * d - b * c < 0
        sign = -1 if mirrored else 1
        return cls(round(math.atan2(-sign * b, sign * a) / (math.pi / 2)) % 4, mirrored)

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Self:
        """As the frame's side data say."""
        try:
            side_data: Any = frame.side_data
            found = [data for data in side_data if data.type is Type.DISPLAYMATRIX]
        except ValueError:  # side data of a kind that PyAV does not know hide the matrix; it still tells the angle
            return cls(round(frame.rotation / 90) % 4)
        return cls.of_matrix(struct.unpack("9i", bytes(found[0]))) if found else cls()

    @property
    def on_its_side(self) -> bool:
        """Whether width and height are exchanged."""
        return self.quarter_turns % 2 == 1

    @property
    def filters(self) -> tuple[str, ...]:
        """Names of FFmpeg's filters that do it."""
        turns = ((), ("transpose=cclock",), ("hflip", "vflip"), ("transpose=clock",))[self.quarter_turns]
        return (*(("hflip",) if self.mirrored else ()), *turns)

    def upright(self, picture: np.ndarray) -> np.ndarray:
        """A picture [height, width, ...] as it is shown."""
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.ascontiguousarray(np.rot90(picture, self.quarter_turns))


UPRIGHT = Orientation()


def pixel_aspect(stream: av.VideoStream) -> Fraction:
    """Width over height of a stored pixel; 1 where nothing credible is told."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return aspect if Fraction(1, LONGEST_PIXEL) <= aspect <= LONGEST_PIXEL else Fraction(1)


def square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size with square pixels that loses none: the shorter side of the pixels is stretched."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))
