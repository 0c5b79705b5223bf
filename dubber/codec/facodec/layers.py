"""What the encoder and the waveform decoder are built of: the anti-aliased Snake and the residual unit."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from dubber.codec.facodec.filters import downsample, low_pass, upsample
from dubber.codec.facodec.weight_norm import FoldedConv1d

KERNEL = 7
DILATIONS = (1, 3, 9)

_EPSILON = 1e-9  # keeps 1 / β finite; part of the published network
_CACHED = 2**18  # samples; blocks of this size stay in a core's cache, and the long sums run four times as fast


class AntiAliasedSnake(nn.Module):
    """Snake with an α and a β per channel, computed at twice the rate so that its harmonics do not alias.

    Both are stored as logarithms. The filters are buffers because the published checkpoint holds them.
    """

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {
        "log_alpha": "act.alpha",
        "log_beta": "act.beta",
        "up_filter": "upsample.filter",
        "down_filter": "downsample.lowpass.filter",
    }

    up_filter: Tensor
    down_filter: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_alpha = nn.Parameter(torch.zeros(channels))
        self.log_beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("up_filter", low_pass())
        self.register_buffer("down_filter", low_pass())

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        rows = x.flatten(0, 1)
        alpha = self.log_alpha.exp().repeat(len(x)).unsqueeze(-1)
        beta = (self.log_beta.exp() + _EPSILON).repeat(len(x)).unsqueeze(-1)
        size = len(rows) if x.is_cuda else max(1, _CACHED // x.shape[-1])
        blocks = zip(rows.split(size), alpha.split(size), beta.split(size), strict=True)
        return torch.cat([self._activate(*block) for block in blocks]).view_as(x)

    def _activate(self, x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        """x [rows, L], alpha and beta [rows, 1] -> [rows, L]."""
        even, odd = upsample(x, self.up_filter.flatten().tolist())
        return downsample(snake(even, alpha, beta), snake(odd, alpha, beta), self.down_filter.flatten().tolist())


def snake(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """x + sin²(αx) / β; x [rows, L], α and β [rows, 1] -> [rows, L]."""
    sine = (x * alpha).sin_()
    return torch.addcmul(x, sine, sine / beta)


class ResidualUnit(nn.Module):
    """x + [Snake, dilated convolution, Snake, pointwise convolution](x)."""

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {"layers": "block"}

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            AntiAliasedSnake(channels),
            FoldedConv1d(channels, channels, KERNEL, dilation=dilation, padding=dilation * (KERNEL // 2)),
            AntiAliasedSnake(channels),
            FoldedConv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C, L]."""
        return x + self.layers(x)


def residual_units(channels: int) -> list[ResidualUnit]:
    """Three residual units that see ever farther."""
    return [ResidualUnit(channels, dilation) for dilation in DILATIONS]


def resampling_padding(stride: int) -> int:
    """The padding with which a convolution of kernel 2 x stride changes the length by exactly `stride`."""
    return (stride + 1) // 2
