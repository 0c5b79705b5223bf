"""Discrete flow-based prosody-acoustic modelling (DFPA): the denoiser on its probability path.

Shapes: B batch, T speech tokens, V codes, K = V + 2 classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dubber.errors import ConfigError
from dubber.flow.path import SCHEDULERS, MixturePath, Source, uniform
from dubber.flow.sampler import Sampler
from dubber.model.batch import GENERATED, assemble, generated_of
from dubber.model.classes import Predicted
from dubber.model.denoiser import Condition, Denoiser
from dubber.model.settings import ModelSettings


@dataclass(frozen=True)
class Flow:
    """One random point of the probability path and what the denoiser makes of it.

    Attributes:
        predicted: p_{1|t} of the prosody stream and of the acoustic ones, K classes.
        x_1: int64 [B, 4, T], the data; [PAD] at padding.
        x_t: int64 [B, 4, T], the data with [MASK] where the path has not arrived yet; [PAD] at padding.
        t: float32 [B].
    """

    predicted: tuple[Predicted, Predicted]
    x_1: Tensor
    x_t: Tensor
    t: Tensor

    @property
    def logits(self) -> Tensor:
        """[B, 4, T, K]."""
        return torch.cat([kind.logits for kind in self.predicted], dim=1)


class DFPA(nn.Module):
    """Trains and samples the prosody and acoustic streams."""

    def __init__(self, settings: ModelSettings, scheduler: str) -> None:
        super().__init__()
        self.pad, self.mask, self.scheduler = settings.pad, settings.mask, scheduler
        self.path = MixturePath(SCHEDULERS[scheduler], settings.mask)
        self.denoiser = Denoiser(settings)

    def forward(self, tokens: Tensor, token_mask: Tensor, condition: Condition, generator: Source = None) -> Flow:
        """Draw t ~ U[0, 1] per clip and x_t ~ p_t(. | x_1), and denoise.

        Args:
            tokens: int64 [B, 6, T].
            token_mask: bool [B, T].
        """
        padding = ~token_mask.unsqueeze(1)
        x_1 = generated_of(tokens).masked_fill(padding, self.pad)
        t = uniform((len(x_1),), x_1.device, generator)
        x_t = self.path.sample(x_1, t, generator).masked_fill(padding, self.pad)
        return Flow(self.denoiser.predicted(x_t, t, condition), x_1, x_t, t)

    def sample(
        self,
        content_logits: Tensor,
        token_mask: Tensor,
        condition: Condition,
        sampler: Sampler,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Content by argmax, prosody and acoustic by the sampler.

        Args:
            content_logits: [B, 2, T, V].
            token_mask: bool [B, T].

        Returns:
            int64 [B, 6, T], codes in 0..V-1 and [PAD] at padding.

        Raises:
            ConfigError: the sampler follows another scheduler than the training did.
        """
        if SCHEDULERS[sampler.scheduler] != self.path.scheduler:
            raise ConfigError(
                "The sampler's scheduler is not the one that the denoiser was trained with.",
                looked_at=f"sampler: {sampler.scheduler}; trained: {self.scheduler}",
                hint=f"Make the sampler with scheduler '{self.scheduler}' (objective.scheduler).",
            )
        real = token_mask.unsqueeze(1)
        start = torch.where(real, self.mask, self.pad).expand(-1, len(GENERATED), -1)
        generated = sampler.sample(
            lambda x_t, t, wanted: self.denoiser(x_t, t, condition, wanted),
            start,
            mask_id=self.mask,
            forbidden=[self.pad],
            generator=generator,
        )
        content = content_logits.argmax(-1).masked_fill(~real, self.pad)
        return assemble(generated, content)
