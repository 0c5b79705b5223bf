"""Rule `fit_features`: the transform from crops to features, fitted on training clips."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from dubber.artifacts import read_rows
from dubber.errors import DubberError
from dubber.media import pca
from dubber.media.settings import FeatureSettings
from dubber.runner import Inputs, Output
from dubber.steps.fit import record_fit, training_clips


def fit_features(
    crops: Inputs,
    manifests: tuple[Path, ...],
    settings: FeatureSettings,
    identity: str,
    transform: Output,
    record: Output,
) -> None:
    """Fit the transform and record its inputs and identity.

    Args:
        crops: crops of every corpus in `fit_on`.
        manifests: of the same corpora.
        settings: the features.
        identity: digest of what the fit depends on.
        transform: the file to write.
        record: where inputs and identity are recorded.
    """
    fit_on_clips(crops, training_clips(manifests), settings).save(transform)
    record_fit(record, identity, crops)


def fit_on_clips(crops: Sequence[Path], clips: Collection[str], settings: FeatureSettings) -> pca.FeatureTransform:
    """Fit on frames of those of `clips` that have crops; clip names are unique among the artifacts.

    Raises:
        DubberError: none of `clips` has crops.
    """
    counts = (row for path in crops for row in read_rows(path, ["clip", "n_frames"]))
    frames = {row["clip"]: row["n_frames"] for row in counts if row["clip"] in clips}
    if not frames:
        raise DubberError("No training clip has crops to fit the features on.", looked_at=", ".join(map(str, crops)))
    sample = pca.choose_frames(frames, settings)
    rows = (row for path in crops for row in read_rows(path, ["clip", "lips", "faces", "box"]))
    return pca.fit_features((row for row in rows if row["clip"] in sample.clips), sample, settings)
