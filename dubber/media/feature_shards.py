"""One shard of features."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
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
        return feature_row(transform, row["lips"], row["faces"], row["box"].reshape(-1, 4))

    return process_shard(
        list(read_rows(crops, ["clip"])),
        work,
        step="features",
        schema=FEATURES,
        output=output,
        max_failed_share=max_failed_share,
    )


def feature_row(
    transform: FeatureTransform, lips: list[bytes], faces: list[bytes], boxes: np.ndarray
) -> dict[str, Any]:
    """A clip's features as a row of `FEATURES`, its name left out.

    Args:
        lips, faces: F JPEGs each, as `dubber.media.crops` cuts them.
        boxes: float32 [F, 4].
    """
    lip_features, face_features = transform.lips(lips), transform.faces(faces, boxes)
    return {
        "n_frames": len(lip_features),
        "lips": lip_features.reshape(-1),
        "faces": face_features.reshape(-1),
    }
