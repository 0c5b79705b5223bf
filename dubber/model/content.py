"""The deterministic content model: phonemes -> durations -> content codes (Sec. 3.3).

Shapes: B batch, N phonemes, T speech tokens (80/s), V codes, D content width, W denoiser width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.model.classes import Predicted
from dubber.model.durations import length_mask, regulate_length
from dubber.model.layers import Convolution, FFTBlock, Transformer
from dubber.model.products import Linear
from dubber.model.settings import ModelSettings

CONTENT_STREAMS = 2


class PhonemeEncoder(nn.Module):
    """Phoneme embedding and FFT blocks."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.embedding = nn.Embedding(settings.phoneme_vocabulary, settings.width, padding_idx=0)
        self.transformer = Transformer(settings, settings.phoneme_layers)

    def forward(self, phonemes: Tensor, mask: Tensor) -> Tensor:
        """phonemes int64 [B, N], mask bool [B, N] -> [B, N, D]."""
        return self.transformer(self.embedding(phonemes), mask)


class DurationPredictor(nn.Module):
    """FastSpeech's: twice [convolution, ReLU, LayerNorm, dropout], then a linear layer; speaks log(d + 1)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        channels, kernel = settings.duration_filter, settings.duration_kernel
        self.longest = settings.max_phoneme_tokens
        self.convolutions = nn.ModuleList(Convolution(width, channels, kernel) for width in (settings.width, channels))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(2))
        self.dropout = nn.Dropout(settings.duration_dropout)
        self.out = Linear(channels, 1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, N, D], mask bool [B, N] -> log(d + 1) of each phoneme's tokens d, [B, N], 0 at padding."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.dropout(norm(F.relu(convolution(x, mask))))
        return self.out(x).squeeze(-1) * mask

    def round(self, log_durations: Tensor, mask: Tensor) -> Tensor:
        """log(d + 1) -> whole tokens int64 [B, N]; a clip that would be empty gets one token per phoneme."""
        tokens = (log_durations.float().exp() - 1).round().clamp(0, self.longest).long() * mask
        empty = tokens.sum(1, keepdim=True) == 0
        return torch.where(empty, mask.long(), tokens)


@dataclass(frozen=True)
class Content:
    """The content decoder's two branches.

    Attributes:
        codes: of the two content streams, V classes.
        condition: H_c [B, 2, T, W], what the denoiser sees of them.
    """

    codes: Predicted
    condition: Tensor

    @property
    def logits(self) -> Tensor:
        """[B, 2, T, V]."""
        return self.codes.logits


class ContentDecoder(nn.Module):
    """Content predictor, content head and projection: the part that stage 2 takes over and freezes."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.predictor = nn.ModuleList(FFTBlock(settings) for _ in range(CONTENT_STREAMS))
        self.head = Linear(settings.width, settings.vocab)
        self.projection = Linear(settings.width, settings.denoiser_width)

    def forward(self, z: Tensor, mask: Tensor) -> Content:
        """z [B, T, D], mask bool [B, T] -> logits and condition, from each FFT block's output in turn."""
        outputs = []
        for block in self.predictor:
            z = block(z, mask)
            outputs.append(z)
        streams = torch.stack(outputs, dim=1)
        return Content(Predicted.by(self.head, streams), torch.tanh(self.projection(streams)))


@dataclass(frozen=True)
class Latent:
    """The content of an utterance before it is split into streams.

    Attributes:
        log_durations: [B, N], predicted log(d + 1).
        z: [B, T, D].
        mask: bool [B, T].
    """

    log_durations: Tensor
    z: Tensor
    mask: Tensor


class ContentModel(nn.Module):
    """Stage 1's content model: phoneme encoder, durations, length regulator, transformer blocks, content decoder."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.encoder = PhonemeEncoder(settings)
        self.duration_predictor = DurationPredictor(settings)
        self.linear = Linear(settings.width, settings.width)
        self.transformer = Transformer(settings, settings.transformer_layers)
        self.decoder = ContentDecoder(settings)

    def forward(
        self,
        phonemes: Tensor,
        phoneme_mask: Tensor,
        token_durations: Tensor | None = None,
        size: int | None = None,
    ) -> Latent:
        """z, at the given token durations int64 [B, N] or, without them, at the predicted ones; T = `size` if given."""
        encoded = self.encoder(phonemes, phoneme_mask)
        log_durations = self.duration_predictor(encoded, phoneme_mask)
        if token_durations is None:
            token_durations = self.duration_predictor.round(log_durations, phoneme_mask)
        expanded = regulate_length(encoded, token_durations, size)
        mask = length_mask(token_durations.sum(1), expanded.shape[1])
        z = self.transformer(self.linear(expanded), mask)
        return Latent(log_durations, z, mask)
