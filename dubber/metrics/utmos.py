"""Predicted naturalness by UTMOS22 strong (lineage of Tables 1 to 4)."""

from __future__ import annotations

import numpy as np
import soxr
import torch

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import UtmosSettings
from dubber.networks.utmos import load_utmos
from dubber.networks.wav2vec2 import SHORTEST
from dubber.units import SAMPLE_RATE


class Utmos(Metric):
    """Column "UTMOS", opinion score; 1..5 in the main, since nothing cuts the network's output.

    Raises:
        MissingDataError: the published weights are missing.
        DubberError: the file does not hold the published weights.
    """

    columns = ("UTMOS",)
    backend = "utmos22_strong"

    def __init__(self, settings: UtmosSettings) -> None:
        self._network = load_utmos(settings.weights)

    def score(self, sample: Sample) -> list[Score]:
        return [Score("UTMOS", self.opinion(sample.hypothesis))]

    @torch.inference_mode()
    def opinion(self, wav: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
        """The opinion of wav float32 [samples] in -1..1; what is not at 16 kHz is resampled.

        Raises:
            ClipError: the clip is shorter than one frame of 25 ms.
        """
        wav = wav if sample_rate == SAMPLE_RATE else soxr.resample(wav, sample_rate, SAMPLE_RATE)
        if len(wav) < SHORTEST:
            raise ClipError(f"{len(wav)} samples are fewer than the {SHORTEST} that UTMOS needs")
        return float(self._network(torch.from_numpy(np.array(wav, dtype=np.float32)).unsqueeze(0)))
