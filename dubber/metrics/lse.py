"""Lip-sync error by the embedded encoders: LSE-C and LSE-D of the dub with the clip's own lips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import SyncSettings
from dubber.metrics.sync import SyncScore, sync_score
from dubber.metrics.sync_encoders import (
    FRAMES,
    lip_windows,
    load_encoders,
    mel_windows,
    read_lips,
    read_mels,
)


class Lse(Metric):
    """Columns "LSE-C" and "LSE-D". Embeddings have length 1: numbers do not compare with SyncNet v2's.

    Raises:
        MissingDataError: the fitted encoders are missing.
    """

    columns = ("LSE-C", "LSE-D")
    backend = "embedded sync encoders"
    images = ("lips",)

    def __init__(self, settings: SyncSettings, weights: Path | str | None) -> None:
        self._encoders = load_encoders(weights)
        self._max_shift = settings.max_shift

    def score(self, sample: Sample) -> list[Score]:
        if sample.lips is None:
            raise ClipError("no lip crops")
        found = self.measure(lips=sample.lips, wav=sample.hypothesis)
        return [Score("LSE-C", found.confidence), Score("LSE-D", found.distance)]

    @torch.inference_mode()
    def measure(self, *, lips: Sequence[bytes], wav: np.ndarray) -> SyncScore:
        """F JPEG lip crops against wav float32 [samples] at 16 kHz."""
        images = read_lips(lips, self._encoders.image_size)
        starts = np.arange(len(images) - FRAMES + 1)
        video, audio = self._encoders(lip_windows(images, starts), mel_windows(read_mels(wav, len(images)), starts))
        return sync_score(video=video.numpy(), audio=audio.numpy(), max_shift=self._max_shift)
