"""One shard of features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import ShardResult, field, process_shard, read_rows
from dubber.media.feature_streams import Streams

FEATURES = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("n_frames", pa.int32(), "F, frames at 25 a second"),
        field("lips", pa.list_(pa.float16()), "[F, lip_features], pca: standard deviations, otherwise as they come"),
        field("faces", pa.list_(pa.float16()), "[F, face_features], the same"),
        field("lips_by", pa.string(), "backend, and digest of the weights or of the imported file"),
        field("faces_by", pa.string(), "the same"),
    ]
)


def feature_shard(crops: Path | str, streams: Streams, output: Path | str, *, max_failed_share: float) -> ShardResult:
    """Turn a shard's crops into features, clip by clip."""
    columns = ["clip", "n_frames", *streams.lips.columns, *streams.faces.columns]
    stored = read_rows(crops, columns)

    def work(clip: Mapping[str, Any]) -> Mapping[str, Any]:
        row = next(stored)  # one at a time, in the order of the clips: a shard's crops are large
        return feature_row(streams, row)

    return process_shard(
        list(read_rows(crops, ["clip"])),
        work,
        step="features",
        schema=FEATURES,
        output=output,
        max_failed_share=max_failed_share,
    )


def feature_row(streams: Streams, crops: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `dubber.steps.crops.CROPS` as one of `FEATURES`, its name left out.

    Raises:
        ClipError: a stream has nothing for this clip.
    """
    lips, faces = streams.lips.of(crops), streams.faces.of(crops)
    return {
        "n_frames": crops["n_frames"],
        "lips": lips.values.reshape(-1),
        "faces": faces.values.reshape(-1),
        "lips_by": lips.made_by,
        "faces_by": faces.made_by,
    }
