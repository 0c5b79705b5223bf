"""One shard of crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import ShardResult, field, process_shard
from dubber.errors import ClipError
from dubber.media.crops import Crops, crop_clip
from dubber.media.faces import detector
from dubber.media.settings import CropSettings
from dubber.media.video import clip_file

CROPS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("n_frames", pa.int32(), "F, frames at 25 a second"),
        field("lips", pa.list_(pa.binary()), "F grey JPEGs"),
        field("faces", pa.list_(pa.binary()), "F colour JPEGs"),
        field("box", pa.list_(pa.float32()), "[F, 4] x0, y0, x1, y1 of the face, pixels of the source"),
        field("detected", pa.list_(pa.bool_()), "[F] whether the detector saw the face in that very frame"),
        field("source_fps", pa.float32(), "frames per second of the file"),
        field("width", pa.int32(), "pixels"),
        field("height", pa.int32(), "pixels"),
    ]
)


def crop_shard(
    rows: Sequence[Mapping[str, Any]],
    root: Path,
    output: Path,
    settings: CropSettings,
    *,
    max_failed_share: float,
    frames: int | None = None,
) -> ShardResult:
    """Cut face and lips out of a shard's videos.

    Args:
        frames: the number of frames that every clip of this corpus has; a clip with another number is damaged.
    """
    faces = detector(settings)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        if row["video"] is None:
            raise ClipError("the corpus names no video")
        crops = crop_clip(clip_file(root, row, row["video"]), settings, faces)
        if frames is not None and len(crops.lips) != frames:
            raise ClipError(f"damaged: {len(crops.lips)} frames where every clip of this corpus has {frames}")
        return crop_row(crops)

    return process_shard(rows, work, step="crops", schema=CROPS, output=output, max_failed_share=max_failed_share)


def crop_row(crops: Crops) -> dict[str, Any]:
    """A clip's crops as a row of `CROPS`, its name left out."""
    return {
        "n_frames": len(crops.lips),
        "lips": crops.lips,
        "faces": crops.faces,
        "box": crops.boxes.reshape(-1),
        "detected": crops.detected.tolist(),
        "source_fps": crops.source_fps,
        "width": crops.width,
        "height": crops.height,
    }
