"""What a video holds beside its picture and the sound that is replaced: other sound, subtitles, chapters, names."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from dubber.errors import ClipError
from dubber.media.encoding import Container, Refused, refusals
from dubber.media.source import opened, picture_stream, sound_stream, tick

log = logging.getLogger(__name__)

NAMES = ("language", "title", "handler_name", "filename", "mimetype", "comment")  # of a track, that stay true
TECHNICAL = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "creation_time")  # of a file


def copy_of(target: OutputContainer, stream: Stream) -> Stream:
    """A track of `target` into which the packets of `stream` fit, with its names and its default flag.

    Raises:
        Refused: the container does not hold such a track.
    """
    with refusals(target.name):
        made = target.add_stream_from_template(stream, opaque=True)
    made.metadata.update({name: value for name, value in stream.metadata.items() if name in NAMES})
    made.disposition = stream.disposition
    return made


def fitting(source: Path | str, container: Container) -> tuple[int, ...]:
    """The numbers of the other tracks of a file that a container takes; what is left out is said."""
    kept = []
    with opened(source) as original:
        for stream in others(original):
            reason = _refusal(stream, container)
            if reason is None:
                kept.append(stream.index)
            else:
                log.warning("left out: %s: %s", _described(stream), reason)
    return tuple(kept)


def others(original: InputContainer) -> list[Stream]:
    """Every track but the picture and the sound that is played."""
    mine = [picture_stream(original).index]
    try:
        mine.append(sound_stream(original).index)
    except ClipError:
        log.debug("%s has no sound that is replaced", original.name)
    return [stream for stream in original.streams if stream.index not in mine]


def _refusal(stream: Stream, container: Container) -> str | None:
    """Why a container does not take a track; tried with a file in memory."""
    if stream.type not in ("video", "audio", "subtitle", "attachment"):
        return f"a track of {stream.type}"
    if stream.type == "video" and stream.disposition & Disposition.attached_pic:
        return "a cover"
    try:
        with av.open(io.BytesIO(), "w", format=container.format) as trial:
            copy_of(trial, stream)
            with refusals("memory"):
                trial.start_encoding()
    except (Refused, av.FFmpegError) as error:
        return f"a .{container.format} does not take it ({error})"
    return None


def _described(stream: Stream) -> str:
    context = stream.codec_context
    codec = getattr(stream, "name", None) if context is None else context.codec.canonical_name
    language = stream.metadata.get("language", "und")
    return f"{stream.type} track {stream.index} ({', '.join(filter(None, (codec, language)))})"


def copy_names(original: InputContainer, target: OutputContainer, zero: float) -> None:
    """Chapters, and what the file says of itself (title, artist ...); times are counted from `zero` (s)."""
    told = {name: value for name, value in original.metadata.items() if name.lower() not in TECHNICAL}
    target.metadata.update(told)
    chapters = []
    for chapter in original.chapters():
        late = round(zero / chapter["time_base"]) if chapter["time_base"] else 0
        start, end = max(0, chapter["start"] - late), chapter["end"] - late
        if start < end:
            chapter["start"], chapter["end"] = start, end
            chapters.append(chapter)
    if chapters:
        target.set_chapters(chapters)


class OtherTracks:
    """The other tracks of a file, copied as far as the picture has come.

    Args:
        kept: their numbers, as `fitting` gives them.
        zero: the time stamp (s) of the first picture.

    Raises:
        Refused: the container does not hold one of them.
    """

    def __init__(self, original: InputContainer, target: OutputContainer, kept: Sequence[int], zero: float) -> None:
        self.target, self.zero, self.name = target, zero, original.name
        self.tracks = {index: copy_of(target, original.streams[index]) for index in kept}
        moving = [index for index in kept if original.streams[index].type != "attachment"]
        self.packets = self._packets(moving)
        self.waiting: av.Packet | None = None

    def _packets(self, indices: Sequence[int]) -> Iterator[av.Packet]:
        """Packets of these tracks with times counted from the first picture; those before it are left out."""
        if not indices:
            return
        with opened(self.name) as source:
            for packet in source.demux([source.streams[index] for index in indices]):
                if not packet.size:
                    continue
                dts = packet.pts if packet.dts is None else packet.dts
                if packet.pts is None or dts is None:
                    raise Refused("a track without time stamps")
                late = round(self.zero / tick(packet))
                packet.pts, packet.dts = packet.pts - late, dts - late
                if packet.pts >= 0 and packet.dts >= 0:
                    yield packet

    def write_to(self, time: float | None) -> None:
        """Copy what begins before `time` (s), or all that is left.

        Raises:
            Refused: the container does not take a packet.
        """
        while (packet := self.waiting or next(self.packets, None)) is not None:
            if time is not None and (packet.dts or 0) * tick(packet) >= time:
                self.waiting = packet
                return
            self.waiting = None
            packet.stream = self.tracks[packet.stream_index]
            with refusals(self.target.name):
                self.target.mux(packet)
