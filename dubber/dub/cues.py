"""Texts and when they are spoken: one text for a part of a video, or the cues of a subtitle file.

`Attempts` runs a step of the dubbing on one cue after the other.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from dubber.errors import ClipError, DubberError
from dubber.limits import read_limited
from dubber.media.video import Span

log = logging.getLogger(__name__)

Made = TypeVar("Made")

WHOLE_TEXT = "the text"  # what a text that comes without times is called

_TIME = r"(\d+):(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_TIMES = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


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


def read_text(path: Path | str) -> str:
    """A text file in UTF-8, or in the Western European encoding that older subtitles have.

    Raises:
        DubberError: the file cannot be read, or is too large.
    """
    content = read_limited(path, "The text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        log.info("%s is not UTF-8; it is read as Windows-1252", Path(path).name)
        return content.decode("cp1252", errors="replace")


def read_subtitles(path: Path | str) -> list[Cue]:
    """The cues of an .srt file, in the order of their beginnings; markup is left out.

    Where a cue begins before the one before it has ended, that one is cut off there; cues that begin together are one.

    Raises:
        DubberError: the file cannot be read, or holds no cue, or one that ends before it begins.
    """
    cues = sorted(_cues(read_text(path), path), key=lambda cue: cue.span.start)
    if not cues:
        raise DubberError(
            "The subtitles hold no cue.",
            looked_at=path,
            hint="An .srt file has lines like 00:00:01,000 --> 00:00:03,500.",
        )
    return _without_overlaps(_joined(cues))


def _cues(text: str, path: Path | str) -> list[Cue]:
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if _TIMES.match(line)]
    found = []
    for number, (head, following) in enumerate(pairwise([*heads, len(lines) + 2]), start=1):
        body = lines[head + 1 : following]
        if following < len(lines) and body and body[-1].strip().isdecimal():  # the next cue's number
            body = body[:-1]
        times = _TIMES.match(lines[head]).groups()
        start, end = _seconds(times[:4]), _seconds(times[4:])
        if end <= start:
            raise DubberError(f"Cue {number} ends before it begins.", looked_at=f"{path}, line {head + 1}")
        words = " ".join(_MARKUP.sub("", line).strip() for line in body).strip()
        found.append(Cue(f"cue {number}", words, Span(start, end)))
    return found


def _seconds(parts: Sequence[str]) -> float:
    hours, minutes, seconds, thousandths = parts
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds) + int(thousandths.ljust(3, "0")) / 1000


def _joined(cues: Sequence[Cue]) -> list[Cue]:
    """Cues that begin at the same moment as one, as they are read on the screen."""
    kept: list[Cue] = []
    for cue in cues:
        if kept and kept[-1].span.start == cue.span.start:
            before = kept.pop()
            log.info("%s is joined to %s: they begin at the same moment", cue.name, before.name)
            span = Span(cue.span.start, max(before.span.end, cue.span.end))
            cue = replace(before, text=f"{before.text} {cue.text}".strip(), span=span)
        kept.append(cue)
    return kept


def _without_overlaps(cues: Sequence[Cue]) -> list[Cue]:
    kept = []
    for cue, following in pairwise([*cues, None]):
        if following is not None and cue.span.end > following.span.start:
            log.info("%s is cut off where %s begins", cue.name, following.name)
            cue = replace(cue, span=Span(cue.span.start, following.span.start))
        kept.append(cue)
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
