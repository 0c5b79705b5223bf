"""Rule `fit_features`: the transform from crops to features, fitted on training clips."""

from __future__ import annotations

from dubber.media.pca import fit_features as fit
from dubber.media.settings import FeatureSettings
from dubber.runner import Inputs, Output
from dubber.steps.fit import record_fit, training_clips


def fit_features(
    crops: Inputs, manifests: Inputs, settings: FeatureSettings, identity: str, transform: Output, record: Output
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
    fit(crops, training_clips(manifests), settings).save(transform)
    record_fit(record, identity, crops)
