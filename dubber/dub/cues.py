"""Texts and when they are spoken: one text for a part of a video, or the cues of a subtitle file.

`Attempts` runs a step of the dubbing on one cue after the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Self, TypeVar

from dubber.dub.subtitles import Caption, captions, read_text, spoken_part
from dubber.errors import ClipError, DubberError
from dubber.media.video import Span
from dubber.text.normalise import normalise

log = logging.getLogger(__name__)

Made = TypeVar("Made")

WHOLE_TEXT = "the text"  # what a text that comes without times is called


@dataclass(frozen=True)
class Cue:
    """A text with its place in the video.

    Attributes:
        name: how messages call it; part of the seed.
        text: the words.
        span: when they are said; s from the first picture.
    """

    name: str
    text: str
    span: Span

    @classmethod
    def from_text(cls, text: str, start: float = 0.0, end: float | None = None) -> Self:
        """A text that is said from `start` to `end`, s from the first picture; without an end, to that of the video.

        Raises:
            DubberError: the span ends before it begins.
        """
        if start < 0 or (end is not None and end <= start):
            raise DubberError(f"Invalid span: {start} s to {end} s.", hint="Give a start from 0 on and a later end.")
        return cls(WHOLE_TEXT, text, Span(start, end))


def read_words(
    text: str | None,
    text_file: Path | None,
    subtitles: Path | None,
    span: tuple[float, float | None] = (0.0, None),
    *,
    keep_descriptions: bool = False,
) -> list[Cue]:
    """The words of a text, a text file or subtitles, one of which is given, with their places in the video.

    Args:
        span: s from the first picture, of a text; None is the video's end.
        keep_descriptions: speak speaker labels and sound descriptions of subtitles too.

    Raises:
        DubberError: not one of them is given, a file cannot be read, or subtitles are given a span.
    """
    if sum(words is not None for words in (text, text_file, subtitles)) != 1:
        raise DubberError("There must be words, of one kind: a text, a text file or subtitles.")
    if subtitles is None:
        return [Cue.from_text(text or "" if text_file is None else read_text(text_file), *span)]
    if span != (0.0, None):
        raise DubberError("Subtitles come with their own times: --start and --end are of --text.")
    return read_subtitles(subtitles, keep_descriptions=keep_descriptions)


def read_subtitles(path: Path | str, *, keep_descriptions: bool = False) -> list[Cue]:
    """The cues of a subtitle file, in the order of their beginnings, without what nobody says.

    A cue is cut off where the next one begins; cues that begin together are one. A cue without words, or without
    length, is skipped with a warning.

    Args:
        keep_descriptions: speak speaker labels and sound descriptions too.

    Raises:
        DubberError: the file cannot be read, or holds no cue that can be spoken.
    """
    found = captions(read_text(path))
    if not found:
        raise DubberError(
            "The subtitles hold no cue.",
            looked_at=path,
            hint="Subtitles are .srt, .vtt, .sbv, .ass or .ssa: lines like 00:00:01,000 --> 00:00:03,500.",
        )
    cues = [cue for caption in found if (cue := _cue(caption, keep_descriptions)) is not None]
    if not cues:
        raise DubberError(
            f"No cue of the subtitles can be spoken: {len(found)} hold no words or have no length.",
            looked_at=path,
            hint="--keep-descriptions speaks labels and sound descriptions too.",
        )
    return _without_overlaps(_joined(sorted(cues, key=lambda cue: cue.span.start)))


def _cue(caption: Caption, keep_descriptions: bool) -> Cue | None:
    """A caption's words with their span; None where there is nothing to say, or no time to say it."""
    name = f"cue {caption.number}"
    if caption.end <= caption.start:
        log.warning("%s is skipped: it ends at %.2f s, where it begins or earlier", name, caption.end)
        return None
    text = spoken_part(caption.text, keep_descriptions=keep_descriptions)
    if not normalise(text):
        log.warning("%s is skipped: it holds no words (%r)", name, " ".join(caption.text.split())[:60])
        return None
    return Cue(name, text, Span(caption.start, caption.end))


def _joined(cues: Sequence[Cue]) -> list[Cue]:
    """Cues that begin at the same moment as one, as they are read on the screen."""
    kept: list[Cue] = []
    for cue in cues:
        if kept and kept[-1].span.start == cue.span.start:
            before = kept.pop()
            log.info("%s is joined to %s: they begin at the same moment", cue.name, before.name)
            span = Span(cue.span.start, max(before.span.end or 0.0, cue.span.end or 0.0))
            cue = replace(before, text=f"{before.text} {cue.text}".strip(), span=span)
        kept.append(cue)
    return kept


def _without_overlaps(cues: Sequence[Cue]) -> list[Cue]:
    kept = list(cues)
    for i, (cue, following) in enumerate(pairwise(cues)):
        if cue.span.end is not None and cue.span.end > following.span.start:
            log.info("%s is cut off where %s begins", cue.name, following.name)
            kept[i] = replace(cue, span=Span(cue.span.start, following.span.start))
    return kept


@dataclass(frozen=True)
class LeftOut:
    """A cue that could not be dubbed, and why."""

    name: str
    reason: str


@dataclass
class Attempts:
    """The cues of one video, worked on one after the other.

    Attributes:
        video: named in errors.
        skip: whether a cue that fails is left out; otherwise it is an error.
        left_out: the cues that failed.
    """

    video: Path
    skip: bool
    left_out: list[LeftOut] = field(default_factory=list)

    def each(self, cues: Sequence[Cue], work: Callable[[Cue], Made]) -> list[tuple[Cue, Made]]:
        """The cues for which `work` succeeded, with its results.

        Raises:
            DubberError: the first failure, unless such cues are left out.
        """
        done = []
        for cue in cues:
            try:
                done.append((cue, work(cue)))
            except ClipError as error:
                self._failed(cue, error)
        return done

    def _failed(self, cue: Cue, error: ClipError) -> None:
        if self.skip:
            log.warning("%s is left out: %s", cue.name, error.what)
            self.left_out.append(LeftOut(cue.name, error.what))
            return
        raise DubberError(
            f"{cue.name.capitalize()} cannot be dubbed: {error.what.rstrip('.')}.",
            looked_at=f"{self.video}, from {cue.span.start:.2f} s",
            hint=error.hint or (None if cue.name == WHOLE_TEXT else "--skip-failed leaves such cues out."),
        ) from error
