"""What every aligner gives back: phones and words with their times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A labelled stretch of time: `start` and `end` in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Alignment:
    """A clip's phones, silences included, and its words, each in order of time."""

    phones: tuple[Interval, ...]
    words: tuple[Interval, ...]
