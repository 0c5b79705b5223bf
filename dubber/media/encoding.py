"""What can be written: containers by the ending of a file's name, and the streams in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

from dubber.errors import DubberError, writing_told

BLOCK = 1024  # samples that are given to an encoder at once
BITS_PER_CHANNEL = 96_000  # of sound, per second

ANY: tuple[str, ...] = ()
_EIGHT_BITS = ("yuv420p", "yuvj420p")
_TEN_BITS = (*_EIGHT_BITS, "yuv420p10le")
BROWSERS = {"h264": _EIGHT_BITS, "vp9": _TEN_BITS, "av1": _TEN_BITS}
"""Codecs that browsers play in an mp4, with the pixel formats of each."""
QUICKTIME = {"h264": _EIGHT_BITS, "hevc": ANY, "prores": ANY, "dnxhd": ANY, "mjpeg": ANY}
"""The same for what plays .mov files; any pixel format where none is named."""


@dataclass(frozen=True)
class Container:
    """A file format with the encoders that are used in it.

    Attributes:
        format: FFmpeg's name of it.
        picture, sound: FFmpeg's names of the encoders.
        players: the codecs that its usual players play; None where they play whatever fits into it.
        pixel_aspect: whether it tells players that pixels are not square, for every codec.
        quality: options of the picture's encoder: visually lossless.
    """

    format: str
    picture: str
    sound: str
    players: Mapping[str, tuple[str, ...]] | None = None
    pixel_aspect: bool = False
    quality: Mapping[str, str] = field(default_factory=lambda: {"crf": "18", "preset": "veryfast", "threads": "1"})

    def plays(self, codec: str, pixels: str) -> bool:
        """Whether its usual players play a codec, by FFmpeg's names."""
        if self.players is None:
            return True
        return codec in self.players and pixels in (self.players[codec] or (pixels,))


MP4 = Container("mp4", "libx264", "aac", BROWSERS, pixel_aspect=True)
_VP9 = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6"}
CONTAINERS = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": Container("mov", "libx264", "aac", QUICKTIME, pixel_aspect=True),
    ".mkv": Container("matroska", "libx264", "aac"),
    ".webm": Container("webm", "libvpx-vp9", "libopus", quality=_VP9),
}


class Refused(Exception):
    """FFmpeg does not write this: what it says."""


def container_of(path: Path | str) -> Container:
    """The container that a file's name asks for.

    Raises:
        DubberError: its ending is not one of `CONTAINERS`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in CONTAINERS:
        raise DubberError(
            f"A video cannot be written to a file that ends in {suffix!r}.",
            looked_at=path,
            hint=f"Endings that can be written: {', '.join(CONTAINERS)}.",
        )
    return CONTAINERS[suffix]


@contextmanager
def refusals(path: Path | str) -> Iterator[None]:
    """Turn what FFmpeg says about an output into errors that cannot be taken for those of an input.

    Raises:
        Refused: FFmpeg does not write this.
        DubberError: the disk is full, or the folder cannot be written.
    """
    try:
        with writing_told("The output", path):
            yield
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Refused(str(getattr(error, "strerror", None) or error)) from error


@contextmanager
def writing(path: Path | str, container: Container) -> Iterator[OutputContainer]:
    """Open a file for writing, under its final name or a temporary one.

    Raises:
        Refused: its header or its end cannot be written.
        DubberError: the disk is full, or the folder cannot be written.
    """
    options = {"movflags": "faststart"} if container.format in ("mp4", "mov") else {}
    with refusals(path):
        output = av.open(str(path), "w", format=container.format, options=options)
    try:
        with writing_told("The output", path):
            yield output
    except BaseException:
        with suppress(av.FFmpegError, OSError):
            output.close()
        raise
    with refusals(path):
        output.close()


def add_picture(
    output: OutputContainer, container: Container, width: int, height: int, fps: int | Fraction
) -> av.VideoStream:
    """A stream of pictures with even sides, pixels, at `fps` frames per second."""
    stream = output.add_stream(container.picture, rate=fps, options=dict(container.quality))
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream


def sound_rate(container: Container, rate: int) -> int:
    """The sampling rate (Hz) in which sound of `rate` is stored: the same, or the next that the encoder knows."""
    known = sorted(av.codec.Codec(container.sound, "w").audio_rates or [rate])
    return next((possible for possible in known if possible >= rate), known[-1])


def add_sound(output: OutputContainer, container: Container, rate: int, channels: int) -> av.AudioStream:
    """A stream of sound at `rate` Hz, which must be one that the encoder knows; 1 or 2 channels."""
    stream = output.add_stream(container.sound, rate=rate, layout=_layout(channels))
    assert isinstance(stream, av.AudioStream)
    stream.bit_rate = channels * BITS_PER_CHANNEL
    return stream


def encoded(stream: av.AudioStream, blocks: Iterable[np.ndarray], rate: int) -> Iterator[list[av.Packet]]:
    """Encode float32 blocks [channels, n] in -1..1 at `rate` Hz, in small steps; the last packets flush the encoder."""
    start = 0
    for block in blocks:
        for first in range(0, block.shape[1], BLOCK):
            part = np.ascontiguousarray(block[:, first : first + BLOCK], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=_layout(len(part)))
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            start += part.shape[1]
            yield stream.encode(frame)
    yield stream.encode()


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"
