"""What every aligner gives back: phones and words with their times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from dubber.artifacts import field

PHONES = pa.schema(
    [
        field("clip", pa.string(), "clip name"),
        field("phones", pa.list_(pa.string()), "ARPAbet without stress; sil, sp, spn"),
        field("phone_start", pa.list_(pa.float32()), "s"),
        field("phone_end", pa.list_(pa.float32()), "s"),
        field("words", pa.list_(pa.string()), "normalised words"),
        field("word_start", pa.list_(pa.float32()), "s"),
        field("word_end", pa.list_(pa.float32()), "s"),
    ]
)


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

    def row(self) -> dict[str, list]:
        """The columns of a row under `PHONES`."""
        return {**_columns("phone", self.phones), **_columns("word", self.words)}


def alignment_of(row: Mapping[str, Any]) -> Alignment:
    """The inverse of `Alignment.row`."""
    return Alignment(_intervals("phone", row), _intervals("word", row))


def _columns(kind: str, intervals: Sequence[Interval]) -> dict[str, list]:
    return {
        f"{kind}s": [interval.label for interval in intervals],
        f"{kind}_start": [interval.start for interval in intervals],
        f"{kind}_end": [interval.end for interval in intervals],
    }


def _intervals(kind: str, row: Mapping[str, Any]) -> tuple[Interval, ...]:
    times = zip(row[f"{kind}s"], row[f"{kind}_start"], row[f"{kind}_end"], strict=True)
    return tuple(Interval(label, float(start), float(end)) for label, start, end in times)
