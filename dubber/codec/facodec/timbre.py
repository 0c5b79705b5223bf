"""The timbre encoder: one vector for the voice of a clip."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TimbreEncoder(nn.Module):
    """A pre-norm Transformer whose outputs are averaged over time.

    It serves inference only and has no dropout.

    The published network looks its sinusoids up by the clip's place in the batch instead of by time, so a voice there
    depends on its neighbours. Here every clip gets the sinusoid of place 0, as though it were alone; the whole table
    is kept because the published checkpoint holds it.
    """

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {"positions": "position_emb.pe", "norm": "last_ln"}
    positions: Tensor

    def __init__(self, channels: int = 256, depth: int = 4, heads: int = 4, filter_width: int = 1024) -> None:
        super().__init__()
        self.register_buffer("positions", _sinusoids(5000, channels).unsqueeze(1))
        self.layers = nn.ModuleList(TransformerLayer(channels, heads, filter_width) for _ in range(depth))
        self.norm = nn.LayerNorm(channels)

    def forward(self, encoded: Tensor) -> Tensor:
        """encoded [B, T, channels] -> speaker [B, channels]."""
        x = encoded + self.positions[0]
        for layer in self.layers:
            x = layer(x)
        return self.norm(x).mean(dim=1)


class TransformerLayer(nn.Module):
    """Self-attention, then a convolution over time and a linear layer; each after a norm, around a skip."""

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {
        "attention_norm": "ln_1",
        "attention": "self_attn",
        "filter_norm": "ln_2",
        "widen": "ffn.ffn_1",
        "narrow": "ffn.ffn_2",
    }

    def __init__(self, channels: int, heads: int, filter_width: int, kernel: int = 5) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.filter_norm = nn.LayerNorm(channels)
        self.widen = nn.Conv1d(channels, filter_width, kernel, padding=kernel // 2)
        self.narrow = nn.Linear(filter_width, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, channels] -> [B, T, channels]."""
        y = self.attention_norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        y = self.widen(self.filter_norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.narrow(F.relu(y))


def _sinusoids(length: int, channels: int) -> Tensor:
    """[length, channels]: sine in even, cosine in odd columns, wavelengths from 2 pi to 10000 x 2 pi."""
    rate = 10000 ** (-torch.arange(0, channels, 2, dtype=torch.float64) / channels)
    angle = torch.arange(length).unsqueeze(1) * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).float()
