"""Predicted naturalness by UTMOS22 strong: the published network, and the metric (lineage of Tables 1 to 4).

Saeki et al., "UTMOS: UTokyo-SaruLab System for VoiceMOS Challenge 2022". Keys and shapes are those of the weights that
SpeechMOS (tarepan, MIT) publishes: the strong learner without its phoneme encoder, with one listener and one domain
chosen. Written afresh.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor, nn

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import UtmosSettings
from dubber.networks.published_weights import Published, load_published
from dubber.networks.wav2vec2 import SHORTEST, WIDTH, Wav2Vec2
from dubber.units import SAMPLE_RATE

PUBLISHED = Published(
    model="UTMOS22 strong",
    file="utmos22_strong_step7459_v1.pt",
    group="utmos",
    source="GitHub: tarepan/SpeechMOS, release v1.0.0",
)
EMBEDDING = 128  # width of the domain's and of the listener's vector
STATE = 512  # of the recurrent layer, each way
HIDDEN = 2048  # of the projection
SPREAD, CENTRE = 2, 3  # maps the network's -1..1 to opinions 1..5


class UtmosStrong(nn.Module):
    """Waveforms [B, T] at 16 kHz, -1..1, at least 400 samples, all of the same length -> opinions [B]."""

    def __init__(self) -> None:
        super().__init__()
        self.wav2vec2 = Wav2Vec2()
        self.domain_emb = nn.Parameter(torch.zeros(1, EMBEDDING))
        self.judge_emb = nn.Parameter(torch.zeros(1, EMBEDDING))
        self.blstm = nn.LSTM(WIDTH + 2 * EMBEDDING, STATE, batch_first=True, bidirectional=True)
        self.projection = nn.Sequential(nn.Linear(2 * STATE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, wav: Tensor) -> Tensor:
        frames = self.wav2vec2(wav)
        asked = torch.cat([self.domain_emb, self.judge_emb], dim=1).expand(*frames.shape[:2], -1)
        states, _ = self.blstm(torch.cat([frames, asked], dim=2))
        return CENTRE + SPREAD * self.projection(states).mean(dim=(1, 2))


def load_utmos(path: Path | str) -> UtmosStrong:
    """The published network, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published keys and shapes.
    """
    network = UtmosStrong()
    load_published(network, path, PUBLISHED)
    return network


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
