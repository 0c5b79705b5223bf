"""Phone and word times as rows of an artifact, whichever aligner found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dubber.align.phones import Alignment, Interval
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


def phone_row(alignment: Alignment) -> dict[str, list]:
    """An alignment as a row of `PHONES`, without the clip's name."""
    return {**_columns("phone", alignment.phones), **_columns("word", alignment.words)}


def alignment_of(row: Mapping[str, Any]) -> Alignment:
    """The inverse of `phone_row`."""
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
