"""Does the dub go with the lips as the recording does? Joint features of lips and either sound (Table 3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.sync_encoders import FRAMES, lip_windows, load_encoders, mel_windows, read_lips, read_mels


def mean_cosine(*, reference: Tensor, hypothesis: Tensor) -> float:
    """The cosine of features [F, width] frame by frame, averaged over frames; of equal features it is exactly 1."""
    a, b = reference.double(), hypothesis.double()
    return float(((a * b).sum(1) / ((a * a).sum(1) * (b * b).sum(1)).sqrt()).mean())


class EmbeddedAvSync(Metric):
    """Column "AVSync-emb", at most 1, which the recording itself has.

    The joint feature of a window is the product, value by value, of its lips' and its sound's vectors: what a frame's
    lips do not show weighs little. It is not AV-HuBERT's feature, and its numbers are not AVSync's.

    Raises:
        MissingDataError: the fitted encoders are missing.
    """

    columns = ("AVSync-emb",)
    backend = "embedded sync encoders"
    images = ("lips",)

    def __init__(self, weights: Path | str | None) -> None:
        self._encoders = load_encoders(weights)

    def score(self, sample: Sample) -> list[Score]:
        if sample.lips is None:
            raise ClipError("no lip crops")
        value = self.measure(lips=sample.lips, reference=sample.truth, hypothesis=sample.hypothesis)
        return [Score(self.columns[0], value)]

    @torch.inference_mode()
    def measure(self, *, lips: Sequence[bytes], reference: np.ndarray, hypothesis: np.ndarray) -> float:
        """F JPEG lip crops; both sounds float32 [samples] at 16 kHz."""
        images = read_lips(lips, self._encoders.image_size)
        starts = np.arange(len(images) - FRAMES + 1)
        video = self._encoders.embed_video(lip_windows(images, starts))
        real, synthetic = (
            video * self._encoders.embed_audio(mel_windows(read_mels(wav, len(images)), starts))
            for wav in (reference, hypothesis)
        )
        return mean_cosine(reference=real, hypothesis=synthetic)
