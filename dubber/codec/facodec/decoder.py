"""The decoder: from encoded speech to tokens and a voice, and from these back to a waveform."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.codec.facodec.layers import KERNEL, AntiAliasedSnake, resampling_padding, residual_units
from dubber.codec.facodec.loading import load_published
from dubber.codec.facodec.quantiser import ResidualQuantiser
from dubber.codec.facodec.timbre import TimbreEncoder
from dubber.codec.facodec.weight_norm import FoldedConv1d, FoldedConvTranspose1d

DECODER_FILE = "ns3_facodec_decoder.bin"

PROSODY, CONTENT, ACOUSTIC = 1, 2, 3  # codebooks of each kind

TRAINING_HEADS = ("f0_predictor", "phone_predictor", "res_f0_predictor", "res_phone_predictor", "x_timbre_predictor")


class FACodecDecoder(nn.Module):
    """FACodec v1 decoder: three quantisers, the timbre encoder and the waveform decoder.

    Args:
        channels: of the encoded signal and of the voice, 256.
        codes: V, codes of every codebook.
        code_dim: dimensions in which the codes are searched.
    """

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {
        "prosody": "quantizer.0",
        "content": "quantizer.1",
        "acoustic": "quantizer.2",
        "timbre": "timbre_encoder",
        "style": "timbre_linear",
        "waveform": "model",
    }

    def __init__(self, channels: int = 256, codes: int = 1024, code_dim: int = 8) -> None:
        super().__init__()
        self.prosody = ResidualQuantiser(PROSODY, channels, codes, code_dim)
        self.content = ResidualQuantiser(CONTENT, channels, codes, code_dim)
        self.acoustic = ResidualQuantiser(ACOUSTIC, channels, codes, code_dim)
        self.timbre = TimbreEncoder(channels)
        self.style = nn.Linear(channels, 2 * channels)
        self.waveform = waveform_decoder(channels)

    def load_published(self, state_dict: Mapping[str, Tensor]) -> FACodecDecoder:
        """Take the weights of `DECODER_FILE`, strictly, and freeze them.

        The predictor heads, which only ever served the codec's own training, are skipped.

        Raises:
            DubberError: a key is missing, unexpected or of the wrong shape, or the checkpoint is of v2.
        """
        load_published(
            self,
            state_dict,
            file=DECODER_FILE,
            v2_parts=("melspec_linear", "melspec_encoder"),
            skipped_parts=TRAINING_HEADS,
        )
        return self

    def quantise(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and voice. Prosody and content both quantise the signal, acoustic what those two leave of it.

        Args:
            encoded: [B, 256, T], from the encoder.

        Returns:
            ids int64 [6, B, T], streams in the order p, c1, c2, a1, a2, a3; speaker [B, 256].
        """
        x = encoded.transpose(1, 2)
        prosody, content = self.prosody.quantise(x), self.content.quantise(x)
        rest = x - self.prosody.embed(prosody) - self.content.embed(content)
        return torch.cat([prosody, content, self.acoustic.quantise(rest)]), self.timbre(x)

    def embed(self, ids: Tensor) -> Tensor:
        """ids int64 [6, B, T] -> [B, 256, T], the sum over the streams."""
        prosody, content, acoustic = ids.split([PROSODY, CONTENT, ACOUSTIC])
        x = self.prosody.embed(prosody) + self.content.embed(content) + self.acoustic.embed(acoustic)
        return x.transpose(1, 2)

    def synthesise(self, emb: Tensor, speaker: Tensor) -> Tensor:
        """emb [B, 256, T] in the voice of speaker [B, 256] -> waveform [B, 1, 200 T] at 16 kHz in -1..1."""
        scale, shift = self.style(speaker).unsqueeze(1).chunk(2, dim=-1)
        x = F.layer_norm(emb.transpose(1, 2), emb.shape[1:2]) * scale + shift
        return self.waveform(x.transpose(1, 2))


def waveform_decoder(channels: int, width: int = 1024, strides: tuple[int, ...] = (5, 5, 4, 2)) -> nn.Sequential:
    """A convolution, four up-sampling blocks that halve the channels, Snake, a convolution, tanh."""
    widths = [width // 2**i for i in range(len(strides) + 1)]
    return nn.Sequential(
        FoldedConv1d(channels, width, KERNEL, padding=KERNEL // 2),
        *(UpBlock(*pair, stride) for pair, stride in zip(pairwise(widths), strides, strict=True)),
        AntiAliasedSnake(widths[-1]),
        FoldedConv1d(widths[-1], 1, KERNEL, padding=KERNEL // 2),
        nn.Tanh(),
    )


class UpBlock(nn.Module):
    """Snake and a strided transposed convolution, then three residual units."""

    PUBLISHED_NAMES: ClassVar[dict[str, str]] = {"layers": "block"}

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            AntiAliasedSnake(channels_in),
            FoldedConvTranspose1d(
                channels_in, channels_out, 2 * stride, stride, resampling_padding(stride), output_padding=stride % 2
            ),
            *residual_units(channels_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, L] -> [B, C / 2, stride L]."""
        return self.layers(x)
