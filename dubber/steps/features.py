"""Rule `features`: lip and face features of a shard's crops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from dubber.artifacts import ShardWriter, field, read_rows, read_table
from dubber.media.feature_streams import Streams, build_streams
from dubber.media.settings import FeatureSettings
from dubber.runner import Input, OptionalInput, Output

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


def features(
    crops: Input, transform: OptionalInput, settings: FeatureSettings, max_failed_share: float, artifact: Output
) -> None:
    """Compute lip and face features of each clip's crops, one clip at a time: the crops of a shard are large.

    Args:
        crops: the shard of `dubber.steps.crops`.
        transform: what was fitted on training clips, where a stream needs it.
        settings: the backends of both streams.
        max_failed_share: the share of clips (0..1) that may fail.
        artifact: the Parquet file to write.
    """
    streams = build_streams(settings, transform)
    n_clips = read_table(crops, ["clip"]).num_rows
    columns = ["clip", "n_frames", *streams.lips.columns, *streams.faces.columns]
    with ShardWriter(artifact, FEATURES, step="features", n_clips=n_clips, max_failed_share=max_failed_share) as shard:
        for clip in read_rows(crops, columns):
            with shard.clip(clip["clip"]) as row:
                row |= feature_row(streams, clip)


def feature_row(streams: Streams, crops: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `dubber.steps.crops.CROPS` as one of `FEATURES`, without its name.

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
