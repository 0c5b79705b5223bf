"""Rule `fit_sync`: the embedded lip-sync encoders, fitted on training clips."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import torch

from dubber.artifacts import read_rows
from dubber.corpus.manifest import load_manifest
from dubber.errors import ClipError, DubberError
from dubber.media.audio import from_pcm
from dubber.metrics.settings import SyncFitSettings
from dubber.metrics.sync_encoders import read_lips, read_mels, save_encoders
from dubber.metrics.sync_fit import Pair, fit_encoders
from dubber.runner import Inputs, Output, Threads

log = logging.getLogger(__name__)


def fit_sync(
    manifest: Path, crops: Inputs, audio: Inputs, settings: SyncFitSettings, threads: Threads, weights: Output
) -> None:
    """Fit both encoders on real pairs of lips and sound.

    Args:
        manifest: of the corpus.
        crops: all its shards.
        audio: the same shards.
        settings: of the fit.
        threads: of the CPU.
        weights: the file to write.

    Raises:
        DubberError: fewer than two training clips have both lips and sound.
    """
    torch.set_num_threads(threads)
    pairs = load_pairs(load_manifest(manifest).clips("train"), crops, audio, settings)
    if len(pairs) < 2:
        raise DubberError(
            f"The sync encoders need two or more training clips with lips and sound, found {len(pairs)}.",
            looked_at=f"{len(crops)} crops and {len(audio)} audio artifacts",
        )
    save_encoders(fit_encoders(pairs, settings), weights)


def load_pairs(
    clips: Collection[str], crops: Sequence[Path], audio: Sequence[Path], settings: SyncFitSettings
) -> list[Pair]:
    """Lips and mels of at most `max_clips` of the clips, chosen by a hash of the name."""
    wanted = set(sorted(clips, key=lambda clip: hashlib.sha256(clip.encode()).digest())[: settings.max_clips])
    lips: dict[str, np.ndarray] = {}
    for row in (row for path in crops for row in read_rows(path, ["clip", "lips"]) if row["clip"] in wanted):
        try:
            lips[row["clip"]] = read_lips(row["lips"], settings.image_size)
        except ClipError as error:
            log.warning("sync: clip %s is left out: %s", row["clip"], error.what)
    heard = (row for path in audio for row in read_rows(path, ["clip", "samples"]) if row["clip"] in lips)
    mels = {row["clip"]: read_mels(from_pcm(row["samples"]), len(lips[row["clip"]])) for row in heard}
    return [Pair(lips[clip], mels[clip]) for clip in sorted(mels)]
