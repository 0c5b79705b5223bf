"""DistillMOS, a small network that predicts opinions of speech quality.

Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech Quality
Assessment" (2025). Keys and shapes are those of variant 7, which Microsoft's package distillmos 0.9.1 (MIT) holds.
Written afresh, without the package's torchaudio.

Shapes: B sounds of 7.68 s, L = 384 frames of 20 ms.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.networks.published_weights import Published, load_published

PUBLISHED = Published(
    model="DistillMOS",
    file="distill_mos_v7.pt",
    group="distillmos",
    source="the package distillmos 0.9.1",
    part="model",
)
SAMPLES = 122_880  # 7.68 s at 16 kHz, what the network hears at once
HOP, WINDOW = 160, 320  # samples: 10 and 20 ms
COMPRESSION = 0.3  # power of the spectrum's magnitude
SMALLEST = 1e-12
CHANNELS = (2, 64, 64, 128, 256, 256, 256)
FEATURES = 1024  # 256 channels of 4 bands
WIDTH, HEADS, LAYERS, FRAMES = 200, 8, 7, 384
SLOPE = 0.1


class DistillMos(nn.Module):
    """Sounds [B, 122880] at 16 kHz -> opinions [B], 1..5. Each sound is brought to a peak of 1."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = _Spectrum()
        self.transformer_pool_attn = _Judge()

    def forward(self, wav: Tensor) -> Tensor:
        peak = wav.abs().amax(dim=1, keepdim=True)
        return 1 + 4 * self.transformer_pool_attn(self.cnn(wav / (peak + 1e-8)))

    def opinion(self, wav: Tensor) -> Tensor:
        """wav [T] of any length -> the mean over windows of 7.68 s at most 1 s apart; short sounds end in silence."""
        over = max(len(wav) - SAMPLES, 0)
        count = -(-over // (HOP * 100)) + 1
        starts = [int(place * over) for place in torch.linspace(0, 1, count, dtype=torch.float64).tolist()]
        padded = F.pad(wav, (0, max(SAMPLES - len(wav), 0)))
        return torch.stack([self(padded[start : start + SAMPLES][None])[0] for start in starts]).mean()


class _Spectrum(nn.Module):
    """Convolutions on the compressed complex spectrum: [B, 122880] -> [B, L, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        last = len(CHANNELS) - 2
        layers: list[nn.Module] = []
        for i, (given, made) in enumerate(pairwise(CHANNELS)):
            stride = (1 if i == 0 else 2, 2 if i == last else 1)  # of bands and of frames
            layers += [nn.Conv2d(given, made, 3, stride, padding=(0, 1)), nn.LeakyReLU(SLOPE)]
        self.cnn = nn.Sequential(*layers)

    def forward(self, wav: Tensor) -> Tensor:
        padded = F.pad(wav, ((WINDOW - HOP) // 2,) * 2, mode="reflect")
        window = torch.hann_window(WINDOW, device=wav.device)
        spectrum = torch.stft(padded, WINDOW, HOP, WINDOW, window, center=False, return_complex=True)
        magnitude = spectrum.abs().clamp_min(SMALLEST)
        parts = torch.view_as_real(spectrum) * (magnitude ** (COMPRESSION - 1))[..., None]
        return self.cnn(parts.permute(0, 3, 1, 2)).flatten(1, 2).transpose(1, 2)


class _Judge(nn.Module):
    """A transformer and attentive pooling: [B, L, 1024] -> [B] in 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_input = nn.BatchNorm1d(FEATURES)
        self.transformer = _Transformer()
        self.norm_trans = nn.BatchNorm1d(WIDTH)
        self.pool = _Pool()

    def forward(self, frames: Tensor) -> Tensor:
        states = self.transformer(_by_channel(self.norm_input, frames))
        return torch.sigmoid(self.pool(_by_channel(self.norm_trans, states)))


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(FEATURES)
        self.position_encoding = _Positions()
        self.linear_proj = nn.Linear(FEATURES, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, frames: Tensor) -> Tensor:
        states = self.linear_proj(_by_channel(self.norm, frames))
        return self.transformer_encoder(states + self.position_encoding.pe)


class _Positions(nn.Module):
    """The published table of positions, [1, L, 200]."""

    def __init__(self) -> None:
        super().__init__()
        self.pe: Tensor
        self.register_buffer("pe", torch.zeros(1, FRAMES, WIDTH))


class _Pool(nn.Module):
    """Attention over the frames, then a line: [B, L, 200] -> [B]."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(WIDTH, 2 * WIDTH)
        self.linear2 = nn.Linear(2 * WIDTH, 1)
        self.linear3 = nn.Linear(WIDTH, 1)

    def forward(self, states: Tensor) -> Tensor:
        attention = self.linear2(F.relu(self.linear1(states))).softmax(dim=1)
        return self.linear3((attention * states).sum(dim=1))[:, 0]


def _by_channel(norm: nn.BatchNorm1d, frames: Tensor) -> Tensor:
    return norm(frames.transpose(1, 2)).transpose(1, 2)


def load_distillmos(path: Path | str) -> DistillMos:
    """The published network, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published keys and shapes.
    """
    network = DistillMos()
    load_published(network, path, PUBLISHED)
    return network
