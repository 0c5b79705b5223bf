"""Rule `crops`: face and lip crops of a shard's videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import field
from dubber.errors import ClipError
from dubber.media.crops import Crops, crop_clip
from dubber.media.faces import detector
from dubber.media.settings import CropSettings
from dubber.media.video import clip_file
from dubber.steps.shard import Shard

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


def crops(clips: Shard, root: Path, settings: CropSettings, frames: int | None) -> None:
    """Find the face in each clip's video, track it, and cut out face and lips at 25 frames a second.

    Args:
        clips: the shard.
        root: the folder that the manifest's paths are relative to.
        settings: of detector, tracking and crops.
        frames: the number of frames of every clip of this corpus, if it is fixed; other clips are damaged.
    """
    faces, rows = detector(settings), clips.rows()
    with clips.writer(CROPS, "crops", rows) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                if clip["video"] is None:
                    raise ClipError("the corpus names no video")
                found = crop_clip(clip_file(root, clip, clip["video"]), settings, faces)
                if frames is not None and len(found.lips) != frames:
                    raise ClipError(f"damaged: {len(found.lips)} frames where every clip of this corpus has {frames}")
                row |= crop_row(found)


def crop_row(crops: Crops) -> dict[str, Any]:
    """A clip's crops as a row of `CROPS`, without its name."""
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
