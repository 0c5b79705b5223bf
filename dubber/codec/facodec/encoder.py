"""The encoder: from a waveform at 16 kHz to 80 vectors a second."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from dubber.codec.facodec.layers import KERNEL, AntiAliasedSnake, resampling_padding, residual_units
from dubber.codec.facodec.loading import load_published
from dubber.codec.facodec.weight_norm import FoldedConv1d

ENCODER_FILE = "ns3_facodec_encoder.bin"


class FACodecEncoder(nn.Module):
    """FACodec v1 encoder: a convolution, four down-sampling blocks, Snake, a convolution.

    Args:
        width: channels at the waveform's rate; every block doubles them.
        strides: how much each block shortens the signal; their product is the hop, 200 samples a token.
        channels: of the encoded signal, 256.
    """

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {"layers": "block"}

    def __init__(self, width: int = 32, strides: tuple[int, ...] = (2, 4, 5, 5), channels: int = 256) -> None:
        super().__init__()
        widths = [width * 2**i for i in range(len(strides) + 1)]
        self.layers = nn.Sequential(
            FoldedConv1d(1, width, KERNEL, padding=KERNEL // 2),
            *(DownBlock(*pair, stride) for pair, stride in zip(pairwise(widths), strides, strict=True)),
            AntiAliasedSnake(widths[-1]),
            FoldedConv1d(widths[-1], channels, 3, padding=1),
        )

    def load_published(self, state_dict: Mapping[str, Tensor]) -> FACodecEncoder:
        """Take the weights of `ENCODER_FILE`, strictly, and freeze them.

        Raises:
            DubberError: a key is missing, unexpected or of the wrong shape, or the checkpoint is of v2.
        """
        load_published(self, state_dict, file=ENCODER_FILE, v2_parts=("mel_transform",))
        return self

    def forward(self, wav: Tensor) -> Tensor:
        """wav [B, 1, samples] at 16 kHz in -1..1 -> [B, 256, T], 80 columns a second."""
        return self.layers(wav)


class DownBlock(nn.Module):
    """Three residual units, then Snake and a strided convolution."""

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {"layers": "block"}

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *residual_units(channels_in),
            AntiAliasedSnake(channels_in),
            FoldedConv1d(channels_in, channels_out, 2 * stride, stride, resampling_padding(stride)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, 2 C, L / stride]."""
        return self.layers(x)
