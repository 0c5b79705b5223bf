"""Naturalness by DistillMOS, which hears a vocoder's damage. It is not UTMOS and its column never says so."""

from __future__ import annotations

import numpy as np
import torch

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import DistillMosSettings
from dubber.networks.distillmos import load_distillmos


class DistillMosOpinion(Metric):
    """Column "DistillMOS", opinion score 1..5.

    Raises:
        MissingDataError: the published weights are missing.
        DubberError: the file does not hold the published weights.
    """

    columns = ("DistillMOS",)
    backend = "distill_mos_v7"

    def __init__(self, settings: DistillMosSettings) -> None:
        self._network = load_distillmos(settings.weights)

    def score(self, sample: Sample) -> list[Score]:
        return [Score("DistillMOS", self.opinion(sample.hypothesis))]

    @torch.inference_mode()
    def opinion(self, wav: np.ndarray) -> float:
        """The opinion of wav float32 [samples] at 16 kHz, at any level.

        Raises:
            ClipError: there is no sample.
        """
        if not len(wav):
            raise ClipError("empty output")
        return float(self._network.opinion(torch.from_numpy(np.array(wav, dtype=np.float32))))
