"""The recordings as a system: what every other is held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.dub.schema import DUBS
from dubber.errors import ClipError
from dubber.media.audio import SAMPLE_RATE, fit

FRAME_RATE = 25  # video frames per second


def ground_truth_shard(
    rows: Sequence[Mapping[str, Any]],
    *,
    audio: Path | str,
    crops: Path | str,
    output: Path | str,
    max_failed_share: float,
) -> ShardResult:
    """The recordings of these clips, cut or padded to the length of their video."""
    sounds = {row["clip"]: row["samples"] for row in read_rows(audio, ["clip", "samples"])}
    frames = {row["clip"]: row["n_frames"] for row in read_rows(crops, ["clip", "n_frames"])}

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        name = row["clip"]
        if name not in sounds or name not in frames:
            raise ClipError(f"it has no {'sound' if name not in sounds else 'crops'}")
        return {"samples": fit(sounds[name], frames[name] * SAMPLE_RATE // FRAME_RATE)}

    return process_shard(
        rows, work, step="ground_truth", schema=DUBS, output=output, max_failed_share=max_failed_share
    )
