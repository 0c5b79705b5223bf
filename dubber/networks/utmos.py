"""UTMOS22 strong, the published network that predicts opinions of naturalness.

Saeki et al., "UTMOS: UTokyo-SaruLab System for VoiceMOS Challenge 2022". Keys and shapes are those of the weights that
SpeechMOS (tarepan, MIT) publishes: the strong learner without its phoneme encoder, with one listener and one domain
chosen. Written afresh.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from dubber.networks.published_weights import Published, load_published
from dubber.networks.wav2vec2 import WIDTH, Wav2Vec2

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
