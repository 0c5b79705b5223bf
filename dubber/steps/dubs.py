"""What every system's speech is stored as, whoever made it: scoring treats all alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from dubber.artifacts import field
from dubber.errors import ClipError

SAMPLE_RATE = 16_000  # Hz
FRAME_RATE = 25  # video frames per second

DUBS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("samples", pa.list_(pa.int16()), "PCM at 16 kHz, mono"),
        field("n_tokens", pa.int32(), "T, speech tokens; null where no tokens were made"),
        field("seconds", pa.float32(), "wall time of the synthesis: model and codec; null for recordings"),
        field("nfe", pa.int32(), "evaluations of the denoiser"),
        field("device", pa.string(), "what the synthesis ran on"),
        field("batch", pa.int32(), "clips that were dubbed together"),
        field("frame_durations", pa.list_(pa.int16()), "[N] video frames per phoneme, as the model aligned them"),
        field("phonemes", pa.list_(pa.int16()), "[N] ids"),
        field("attention_vt", pa.list_(pa.float16()), "[F, N]; null but for a few clips of each shard"),
        field("attention_st", pa.list_(pa.float16()), "[T, N]; null but for a few clips of each shard"),
    ]
)


def rows_to_dub(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The manifest rows of the clips that are dubbed."""
    return [row for row in rows if row["split"] == "test"]


def require(clip: str, found: Mapping[str, Any], what: str) -> Any:
    """What an earlier step made of a clip.

    Raises:
        ClipError: nothing: the clip failed there, and so it fails here and is counted.
    """
    if clip not in found:
        raise ClipError(f"there are no {what} of this clip: an earlier step failed on it")
    return found[clip]


def by_clip(rows: Iterable[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]] | set[str]) -> dict[str, Any]:
    """Rows of a shard by clip, of the wanted clips (names or manifest rows) only."""
    names = wanted if isinstance(wanted, set) else {row["clip"] for row in wanted}
    return {row["clip"]: row for row in rows if row["clip"] in names}
