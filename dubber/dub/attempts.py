"""Work on one cue after the other, where one that fails is an error or is left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from dubber.dub.cues import WHOLE_TEXT, Cue
from dubber.errors import ClipError, DubberError

log = logging.getLogger(__name__)

Made = TypeVar("Made")


@dataclass(frozen=True)
class LeftOut:
    """A cue that could not be dubbed, and why."""

    name: str
    reason: str


@dataclass
class Attempts:
    """What came of the cues of one video.

    Attributes:
        video: for the errors.
        skip: whether a cue that fails is left out.
        left_out: those that were.
    """

    video: Path
    skip: bool
    left_out: list[LeftOut] = field(default_factory=list)

    def each(self, cues: Sequence[Cue], work: Callable[[Cue], Made]) -> list[tuple[Cue, Made]]:
        """The cues for which the work succeeded, with what came of it.

        Raises:
            DubberError: the first failure, where nothing is left out.
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
