"""Another sound for a video whose picture stays as it is, packet by packet, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import soxr

from dubber.artifacts import atomic_path
from dubber.errors import ClipError
from dubber.media.encoding import Container, add_picture, add_sound, container_of, encoded, sound_rate, writing
from dubber.media.video import opened, picture_stream, probe, read_frames

log = logging.getLogger(__name__)

MOST_FPS = 60  # of encoded pictures; some live recordings declare 1000 frames a second
MOST_REORDERED = 32  # pictures that can be decoded before the first is shown
AHEAD = 0.5  # s by which sound is written before the picture that it belongs to


class Track(Protocol):
    """Sound that can be asked for more than once.

    Attributes:
        rate: Hz that it has by itself.
        channels: 1 or 2.
    """

    @property
    def rate(self) -> int: ...

    @property
    def channels(self) -> int: ...

    def blocks(self, rate: int) -> Iterable[np.ndarray]:
        """float32 [channels, n] in -1..1 at `rate` Hz, from the first picture on."""
        ...


@dataclass(frozen=True)
class Samples:
    """A track that is held whole: float32 [n] in -1..1, mono, at `rate` Hz."""

    samples: np.ndarray
    rate: int
    channels: int = 1

    def blocks(self, rate: int) -> Iterator[np.ndarray]:
        yield (self.samples if rate == self.rate else soxr.resample(self.samples, self.rate, rate))[None]


class _NotCopied(Exception):
    """The container does not take the packets of this picture stream."""


def mux(source: Path | str, samples: np.ndarray, sample_rate: int, output: Path | str, *, copy: bool = True) -> None:
    """Give the picture of `source` another sound, in a file that browsers play.

    The picture stream of an mp4 that they play already is copied untouched; any other is encoded as H.264,
    at most `MOST_FPS` frames a second.

    Args:
        samples: float32 [n] in -1..1, mono.
        sample_rate: Hz.
        output: an mp4.
        copy: False encodes in any case.
    """
    replace_sound(source, output, Samples(samples, sample_rate), copy=copy and probe(source).plays_in_browsers)


def replace_sound(
    source: Path | str, output: Path | str, track: Track, *, copy: bool = True, watch: Callable[[float], object] = float
) -> bool:
    """Write the picture of `source` with the sound of `track`; the file is whole or absent.

    The picture stream is copied untouched if the container accepts it; otherwise it is encoded again, upright, at a
    fixed frame rate.

    Args:
        output: its ending names the container, see `dubber.media.encoding.CONTAINERS`.
        copy: False encodes in any case.
        watch: called with the time (s) up to which the output is written.

    Returns:
        Whether the picture was copied.

    Raises:
        DubberError: no such container, or the disk is full.
        ClipError: the source cannot be read to its end.
    """
    container = container_of(output)
    with atomic_path(output) as temporary:
        if copy:
            try:
                _copy(source, temporary, container, track, watch)
                return True
            except _NotCopied as error:
                log.info("the picture is encoded again: %s", error)
        _encode(source, temporary, container, track, watch)
    return False


def _copy(source: Path | str, path: Path, container: Container, track: Track, watch: Callable[[float], object]) -> None:
    """Raises `_NotCopied` where the container does not take the picture's packets."""
    with opened(source) as original, writing(path, container) as target:
        stream = picture_stream(original)
        name = stream.codec_context.codec.canonical_name
        if name not in target.supported_codecs:
            raise _NotCopied(f"{container.format} does not hold {name}")
        picture = target.add_stream_from_template(stream)
        sound = _Sound(target, container, track)
        zero, tick = stream.start_time or 0, stream.time_base or Fraction(1, av.time_base)
        for packet in _dated(original.demux(stream), stream):
            packet.pts, packet.dts, packet.stream = (packet.pts or 0) - zero, (packet.dts or 0) - zero, picture
            time = float(packet.dts * tick)
            sound.write_to(time + AHEAD)
            try:
                target.mux(packet)
            except av.ArgumentError as error:
                raise _NotCopied(f"{container.format} does not take this {name} stream") from error
            watch(time)
        sound.write_to(None)


def _dated(packets: Iterable[av.Packet], stream: av.VideoStream) -> Iterator[av.Packet]:
    """Packets that all have both time stamps.

    Matroska stores no decoding times, and those of the first pictures cannot be told from the others' order: they are
    counted back from the first that is known.

    Raises:
        _NotCopied: they cannot be known.
    """
    waiting: list[av.Packet] = []
    length = round(1 / (stream.average_rate * stream.time_base)) if stream.average_rate and stream.time_base else 1
    for packet in packets:
        if not packet.size:
            continue
        waiting.append(packet)
        if packet.pts is None or (packet.dts is None and len(waiting) > MOST_REORDERED):
            raise _NotCopied("it has pictures without time stamps")
        if packet.dts is not None:
            for back, early in enumerate(reversed(waiting[:-1]), start=1):
                early.dts = packet.dts - back * length
            yield from waiting
            waiting = []
    if waiting:
        raise _NotCopied("it has pictures without time stamps")


def _encode(
    source: Path | str, path: Path, container: Container, track: Track, watch: Callable[[float], object]
) -> None:
    fps = min(Fraction(probe(source).fps).limit_denominator(1001) or Fraction(25), Fraction(MOST_FPS))
    with writing(path, container) as target:
        picture: av.VideoStream | None = None
        sound: _Sound | None = None
        for n, frame in enumerate(read_frames(source, fps)):
            frame = _even(frame)
            if picture is None or sound is None:
                picture = add_picture(target, container, frame.shape[1], frame.shape[0], fps)
                sound = _Sound(target, container, track)
            time = float(n / fps)
            sound.write_to(time + AHEAD)
            target.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            watch(time)
        if picture is None or sound is None:
            raise ClipError("the video has no picture")
        target.mux(picture.encode())
        sound.write_to(None)


class _Sound:
    """A track that is encoded as far as the picture has come."""

    def __init__(self, target: av.container.OutputContainer, container: Container, track: Track) -> None:
        rate = sound_rate(container, track.rate)
        stream = add_sound(target, container, rate, track.channels)
        self.target, self.packets, self.time = target, encoded(stream, track.blocks(rate), rate), 0.0

    def write_to(self, time: float | None) -> None:
        """Encode up to `time` (s), or all that is left."""
        while time is None or self.time < time:
            packets = next(self.packets, None)
            if packets is None:
                return
            for packet in packets:
                self.time = float((packet.pts or 0) * packet.time_base)
                self.target.mux(packet)


def _even(frame: np.ndarray) -> np.ndarray:
    """H.264 wants even sides: an odd last row or column is dropped."""
    return np.ascontiguousarray(frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2])
