"""Another sound for a video whose picture stays as it is, packet by packet, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import av
import numpy as np
import soxr
from av.container import InputContainer, OutputContainer
from av.stream import Disposition

from dubber.errors import ClipError, DubberError
from dubber.files import atomic_path
from dubber.media.encoding import (
    Container,
    Refused,
    add_picture,
    add_sound,
    container_of,
    encoded,
    refusals,
    sound_rate,
    writing,
)
from dubber.media.other_tracks import OtherTracks, copy_names, copy_of, fitting
from dubber.media.source import (
    Orientation,
    opened,
    picture_start,
    picture_stream,
    pixel_aspect,
    sound_stream,
    square_size,
    tick,
)
from dubber.media.video import LONGEST_SLIDE, probe, stills

log = logging.getLogger(__name__)

Picture = Literal["auto", "copy", "encode"]
"""The picture is copied if players of such files play it, if the container takes it, or never."""

MOST_REORDERED = 32  # pictures that can be decoded before the first is shown
FINEST = 90_000  # ticks per second of a picture whose file counts finer
MOST_FPS = 60  # frames/s of an encoded picture; some live recordings declare 1000
AHEAD = 0.5  # s; sound is written this far ahead of the picture


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


@dataclass(frozen=True)
class _Job:
    """A file to be written.

    Attributes:
        kept: numbers of the other tracks that are copied.
        watch: is told the time (s) up to which the output is written.
    """

    source: Path
    path: Path
    container: Container
    track: Track
    kept: tuple[int, ...]
    watch: Callable[[float], object]


def mux(source: Path | str, samples: np.ndarray, sample_rate: int, output: Path | str, *, copy: bool = True) -> None:
    """Give the picture of `source` another sound, in a file that browsers play.

    The picture stream of an mp4 that they play already is copied untouched; any other is encoded as H.264.

    Args:
        samples: float32 [n] in -1..1, mono.
        sample_rate: Hz.
        output: an mp4.
        copy: False encodes in any case.
    """
    picture: Picture = "auto" if copy and probe(source).plays_in_browsers else "encode"
    replace_sound(source, output, Samples(samples, sample_rate), picture=picture)


def replace_sound(
    source: Path | str,
    output: Path | str,
    track: Track,
    *,
    picture: Picture = "auto",
    watch: Callable[[float], object] = float,
) -> bool:
    """Write the picture of `source` with the sound of `track`; the file is whole or absent.

    The picture stream is copied untouched, or encoded picture by picture: upright, each at its own time. Other sound
    tracks, subtitles, chapters and names are kept as far as the container takes them; what is left out is said.

    Args:
        output: its ending names the container, see `dubber.media.encoding.CONTAINERS`.
        picture: see `Picture`; what cannot be copied is encoded.
        watch: is told, again and again, the time (s) up to which the output is written.

    Returns:
        Whether the picture was copied.

    Raises:
        DubberError: no such container, it cannot be written, or the disk is full.
        ClipError: the source cannot be read to its end.
    """
    container = container_of(output)
    reason = _why_encode(source, container, picture)
    kept = fitting(source, container)
    with atomic_path(output) as temporary:
        for write in (_encode,) if reason else (_copy, _encode):
            for tracks in dict.fromkeys((kept, ())):
                try:
                    write(_Job(Path(source), temporary, container, track, tracks, watch))
                except Refused as error:
                    reason = f"{container.format} does not take it as it is ({error})"
                    if tracks:
                        log.warning("left out: every other track: %s", error)
                    continue
                if write is _encode:
                    log.info("the picture was encoded: %s", reason)
                return write is _copy
        raise DubberError(
            f"The output cannot be written: {reason}.", looked_at=output, hint="Try another ending, such as .mkv."
        )


def _why_encode(source: Path | str, container: Container, picture: Picture) -> str | None:
    """The reason for which a picture is not copied, as far as the source tells; None if it may be."""
    if picture == "encode":
        return "as was asked"
    about = probe(source)
    if picture == "auto" and not container.plays(about.codec, about.pixels):
        return f"players of .{container.format} files do not play {about.codec} with {about.pixels}"
    return None


def _copy(job: _Job) -> None:
    """Copy the packets of the picture.

    Raises:
        Refused: the container does not take them, or a player would show other pictures.
    """
    with opened(job.source) as original, writing(job.path, job.container) as target:
        stream = picture_stream(original)
        aspect = pixel_aspect(stream)
        if aspect not in (1, stream.codec_context.sample_aspect_ratio) and not job.container.pixel_aspect:
            raise Refused("its pixels are not square, and nothing but the container says so")
        picture = copy_of(target, stream)
        assert isinstance(picture, av.VideoStream)
        picture.codec_context.sample_aspect_ratio = aspect
        if job.container.pixel_aspect and stream.codec_context.name == "hevc":
            picture.codec_context.codec_tag = "hvc1"  # the one of two names for it that Apple's players know
        written = _Beside(job, original, target)
        zero, last = stream.start_time or 0, 0.0
        for packet in _shown(_dated(original.demux(stream), stream), zero, job.container):
            packet.pts, packet.dts, packet.stream = (packet.pts or 0) - zero, (packet.dts or 0) - zero, picture
            time = float(packet.dts * tick(packet))
            if time > last + LONGEST_SLIDE:
                raise ClipError(f"the time stamps jump from {last:.2f} s to {time:.2f} s")
            last = time
            written.write_to(time + AHEAD)
            with refusals(job.path):
                target.mux(packet)
            job.watch(time)
        written.write_to(None)


def _dated(packets: Iterable[av.Packet], stream: av.VideoStream) -> Iterator[av.Packet]:
    """Packets that all have both time stamps.

    Matroska stores no decoding times, and those of the first pictures cannot be told from the others' order: they are
    counted back from the first that is known.

    Raises:
        Refused: they cannot be known.
    """
    waiting: list[av.Packet] = []
    length = round(1 / (stream.average_rate * tick(stream))) if stream.average_rate else 1
    for packet in packets:
        if not packet.size:
            continue
        waiting.append(packet)
        if packet.pts is None or (packet.dts is None and len(waiting) > MOST_REORDERED):
            raise Refused("it has pictures without time stamps")
        if packet.dts is not None:
            for back, early in enumerate(reversed(waiting[:-1]), start=1):
                early.dts = packet.dts - back * length
            yield from waiting
            waiting = []
    if waiting:
        raise Refused("it has pictures without time stamps")


def _shown(packets: Iterable[av.Packet], zero: int, container: Container) -> Iterator[av.Packet]:
    """The packets that a player shows, and those that it decodes without showing them where the container says so.

    An edit list cuts pictures away without taking them out of the file. An mp4 or mov keeps such a list for those
    before the first picture (`zero`); elsewhere they can be left out only if no other picture is made of them.

    Raises:
        Refused: a picture that is shown needs one that is not.
    """
    hidden = False
    for packet in packets:
        if packet.is_discard:
            if container.pixel_aspect and (packet.pts or 0) < zero:
                yield packet
            else:
                hidden = True
            continue
        if hidden and not packet.is_keyframe:
            raise Refused("an edit list hides pictures of which others are made")
        hidden = False
        yield packet


def _encode(job: _Job) -> None:
    """Encode the pictures, each at its own time.

    Raises:
        Refused: the container does not take what the encoder makes.
    """
    with opened(job.source) as original, writing(job.path, job.container) as target:
        stream = picture_stream(original)
        base = max(tick(stream), Fraction(1, FINEST))
        beside, encoder, convert, last = None, None, None, -1
        for still in stills(original, stream, longest=LONGEST_SLIDE):
            if beside is None or convert is None or encoder is None:
                convert = _Converter(still.frame, pixel_aspect(stream), job.container)
                encoder = convert.encoder(target, stream, base)
                beside = _Beside(job, original, target)
            frame = convert(still.frame)
            frame.time_base, frame.pts = base, max(last + 1, round(still.start / base))
            frame.duration, last = max(1, round(still.end / base) - frame.pts), frame.pts
            beside.write_to(still.start + AHEAD)
            with refusals(job.path):
                target.mux(encoder.encode(frame))
            job.watch(still.start)
        if beside is None or encoder is None:
            raise ClipError("no picture can be decoded")
        with refusals(job.path):
            target.mux(encoder.encode())
        beside.write_to(None)


class _Converter:
    """Frames as an encoder takes them: upright, 4:2:0, of the first one's size, even, in its own colours.

    Args:
        first: the first frame.
        aspect: width over height of its pixels.
    """

    def __init__(self, first: av.VideoFrame, aspect: Fraction, container: Container) -> None:
        self.orientation = Orientation.of_frame(first)
        keeps = container.picture == "libx264"  # its bitstream tells the aspect in any container
        width, height = (first.width, first.height) if keeps else square_size(first.width, first.height, aspect)
        if self.orientation.on_its_side:
            width, height, aspect = height, width, 1 / aspect
        self.width, self.height = width // 2 * 2, height // 2 * 2
        self.aspect, self.container = aspect if keeps else Fraction(1), container
        self._graphs: dict[tuple, av.filter.Graph] = {}
        if not self.width or not self.height:
            raise ClipError(f"a picture of {first.width}x{first.height} is too small")
        self.colours = self(first)

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        if key not in self._graphs:
            self._graphs = {key: self._graph(frame)}
        self._graphs[key].vpush(frame)
        return self._graphs[key].vpull()

    def _graph(self, frame: av.VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        size = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/{FINEST}"
        colours = f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        matrix = ":out_color_matrix=bt709" if frame.format.is_rgb else ""
        crop = f"crop={frame.width // 2 * 2}:{frame.height // 2 * 2}:0:0:exact=1"
        filters = (f"buffer={size}:{colours}", crop, *self.orientation.filters)
        filters = (*filters, f"scale={self.width}:{self.height}{matrix}", "format=yuv420p", "buffersink=")
        nodes = [graph.add(name, options) for name, _, options in (text.partition("=") for text in filters)]
        graph.link_nodes(*nodes).configure()
        return graph

    def encoder(self, target: OutputContainer, stream: av.VideoStream, base: Fraction) -> av.VideoStream:
        """A stream of `target` for these frames, whose times count in `base` (s)."""
        fps = min(stream.average_rate or stream.guessed_rate or Fraction(25), Fraction(MOST_FPS))
        made = add_picture(target, self.container, self.width, self.height, fps)
        context = made.codec_context
        context.time_base, context.sample_aspect_ratio = base, self.aspect
        for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
            setattr(context, name, getattr(self.colours, name))
        return made


class _Beside:
    """Everything beside the picture, written as far as the picture has come.

    Raises:
        Refused: the container does not take one of the tracks; its header is written with them.
    """

    def __init__(self, job: _Job, original: InputContainer, target: OutputContainer) -> None:
        zero = picture_start(original) or 0.0
        rate = sound_rate(job.container, job.track.rate)
        stream = add_sound(target, job.container, rate, job.track.channels)
        try:
            stream.disposition = sound_stream(original).disposition
        except ClipError:
            stream.disposition = Disposition.default
        self.others = OtherTracks(original, target, job.kept, zero)
        copy_names(original, target, zero)
        with refusals(job.path):
            target.start_encoding()
        self.target, self.time = target, 0.0
        self.packets = encoded(stream, job.track.blocks(rate), rate)

    def write_to(self, time: float | None) -> None:
        """Write up to `time` (s), or all that is left."""
        self.others.write_to(time)
        while time is None or self.time < time:
            packets: Sequence[av.Packet] | None = next(self.packets, None)
            if packets is None:
                return
            for packet in packets:
                self.time = float((packet.pts or 0) * tick(packet))
                with refusals(self.target.name):
                    self.target.mux(packet)
