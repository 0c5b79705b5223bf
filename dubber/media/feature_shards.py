"""One shard of features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import ShardResult, field, process_shard, read_rows
from dubber.media.features import FeatureTransform

FEATURES = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("n_frames", pa.int32(), "F, frames at 25 a second"),
        field("lips", pa.list_(pa.float16()), "[F, 512], standard deviations"),
        field("faces", pa.list_(pa.float16()), "[F, 256], standard deviations"),
    ]
)


def feature_shard(
    crops: Path | str, transform: FeatureTransform, output: Path | str, *, max_failed_share: float
) -> ShardResult:
    """Turn a shard's crops into features, clip by clip."""
    stored = read_rows(crops, ["lips", "faces", "box"])

    def work(clip: Mapping[str, Any]) -> Mapping[str, Any]:
        row = next(stored)  # one at a time, in the order of the clips: a shard's crops are large
        lips = transform.lips(row["lips"])
        faces = transform.faces(row["faces"], row["box"].reshape(-1, 4))
        return {"n_frames": len(lips), "lips": lips.reshape(-1), "faces": faces.reshape(-1)}

    return process_shard(
        list(read_rows(crops, ["clip"])),
        work,
        step="features",
        schema=FEATURES,
        output=output,
        max_failed_share=max_failed_share,
    )
