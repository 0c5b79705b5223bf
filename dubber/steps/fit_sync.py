"""Rule `fit_sync`: the embedded lip-sync encoders, fitted on training clips."""

from __future__ import annotations

import torch

from dubber.corpus.manifest import load_manifest
from dubber.metrics.settings import SyncFitSettings
from dubber.metrics.sync_fit import fit_sync as fit
from dubber.runner import Input, Inputs, Output, Threads


def fit_sync(
    manifest: Input, crops: Inputs, audio: Inputs, settings: SyncFitSettings, threads: Threads, weights: Output
) -> None:
    """Fit both encoders on real pairs of lips and sound.

    Args:
        manifest: of the corpus.
        crops: all its shards.
        audio: the same shards.
        settings: of the fit.
        threads: of the CPU.
        weights: the file to write.
    """
    torch.set_num_threads(threads)
    fit(load_manifest(manifest).clips("train"), crops=crops, audio=audio, settings=settings, output=weights)
