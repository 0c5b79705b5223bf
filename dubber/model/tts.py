"""Stage 1: zero-shot text-to-speech, the teacher (Sec. 3.3).

Shapes: B batch, N phonemes, P prompt tokens, T speech tokens (80/s), V codes, K = V + 2 classes, D content width,
S speaker width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dubber.flow.path import Source, uniform
from dubber.flow.sampler import Sampler
from dubber.model.batch import Batch
from dubber.model.classes import Predicted
from dubber.model.content import ContentModel
from dubber.model.dfpa import DFPA, Flow
from dubber.model.settings import ModelSettings, ObjectiveSettings


@dataclass(frozen=True)
class TTSOutput:
    """What the losses of stage 1 need.

    Attributes:
        log_durations: [B, N], predicted log(d + 1), d in tokens.
        content: the classes of the two content streams.
        flow: the denoiser's classes of the four others with x_1, x_t and t.
        z: [B, T, D], the content before it is split into streams.
    """

    log_durations: Tensor
    content: Predicted
    flow: Flow
    z: Tensor

    @property
    def content_logits(self) -> Tensor:
        """[B, 2, T, V]."""
        return self.content.logits


class TTS(nn.Module):
    """Content model and DFPA."""

    def __init__(self, settings: ModelSettings, objective: ObjectiveSettings) -> None:
        super().__init__()
        self.pad = settings.pad
        self.prompt_share = objective.prompt_share
        self.content = ContentModel(settings)
        self.dfpa = DFPA(settings, objective.scheduler)

    def forward(self, batch: Batch, generator: Source = None) -> TTSOutput:
        """One training pass; `generator` draws the prompt's place, t and the masking."""
        latent = self.content(batch.phonemes, batch.phoneme_mask, batch.token_durations, batch.tokens.shape[-1])
        content = self.content.decoder(latent.z, batch.token_mask)
        prompt = self._cut_prompt(batch, generator)
        denoiser = self.dfpa.denoiser
        condition = denoiser.condition(
            content.condition,
            batch.token_mask,
            batch.speaker,
            denoiser.token_prompt(prompt, prompt[:, 0] != self.pad),
        )
        flow = self.dfpa(batch.tokens, batch.token_mask, condition, generator)
        return TTSOutput(latent.log_durations, content.codes, flow, latent.z)

    @torch.no_grad()
    def synthesise(
        self,
        phonemes: Tensor,
        phoneme_mask: Tensor,
        prompt_tokens: Tensor,
        speaker: Tensor,
        *,
        token_durations: Tensor | None = None,
        sampler: Sampler,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Speak a text in the voice of a prompt; call it in eval mode.

        Args:
            phonemes: int64 [B, N].
            phoneme_mask: bool [B, N].
            prompt_tokens: int64 [B, 6, P], [PAD] at padding.
            speaker: [B, S].
            token_durations: int64 [B, N]; predicted if not given.

        Returns:
            int64 [B, 6, T], [PAD] at padding.
        """
        latent = self.content(phonemes, phoneme_mask, token_durations)
        content = self.content.decoder(latent.z, latent.mask)
        denoiser = self.dfpa.denoiser
        prompt = denoiser.token_prompt(prompt_tokens, prompt_tokens[:, 0] != self.pad)
        condition = denoiser.condition(content.condition, latent.mask, speaker, prompt)
        return self.dfpa.sample(content.logits, latent.mask, condition, sampler, generator)

    def _cut_prompt(self, batch: Batch, generator: Source) -> Tensor:
        """A random segment of each utterance, as long as a share of the batch's shortest: int64 [B, 6, P]."""
        lengths = batch.token_mask.sum(1)
        size = int(self.prompt_share * (int(lengths.min()) if batch.shortest is None else batch.shortest))
        u = uniform((len(lengths),), lengths.device, generator)
        start = (u * (lengths - size + 1)).long()
        index = start.unsqueeze(1) + torch.arange(size, device=lengths.device)
        return batch.tokens.gather(2, index.unsqueeze(1).expand(-1, batch.tokens.shape[1], -1))
