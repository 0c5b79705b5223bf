"""Stage 2: the dubbing student (Sec. 3.4).

Shapes: B batch, N phonemes, F video frames (25/s), T speech tokens (80/s), V codes, D content width, W denoiser
width, S speaker width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from dubber.errors import DubberError
from dubber.flow.path import Source
from dubber.flow.sampler import Sampler
from dubber.model.batch import DubBatch, DubInputs
from dubber.model.classes import Predicted
from dubber.model.content import Content, ContentDecoder, Latent, PhonemeEncoder
from dubber.model.denoiser import Condition
from dubber.model.dfpa import DFPA, Flow
from dubber.model.durations import length_mask
from dubber.model.fapro import FaPro
from dubber.model.layers import Transformer
from dubber.model.products import Linear
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.synchronizer import Synchronized, Synchronizer
from dubber.model.tts import TTS


@dataclass(frozen=True)
class DubberOutput:
    """What the losses of stage 2 need. What belongs to a part that is off is None.

    Attributes:
        attention_vt: A_vt float32 [B, F, N].
        attention_st: A_st float32 [B, T, N].
        content: the classes of the two content streams.
        ctc_logits: [B, T, phonemes], index 0 the blank.
        z: z_student [B, T, D].
        teacher: the teacher's z, without gradient: at its own durations, or at the aligner's where the distillation is
            aligned.
        flow: the denoiser's classes with x_1, x_t and t.
    """

    attention_vt: Tensor
    attention_st: Tensor
    content: Predicted
    ctc_logits: Tensor | None
    z: Tensor
    teacher: Latent | None
    flow: Flow

    @property
    def content_logits(self) -> Tensor:
        """[B, 2, T, V]."""
        return self.content.logits


@dataclass(frozen=True)
class Dub:
    """Dubbed clips.

    Attributes:
        tokens: int64 [B, 6, T], codes of the streams p, c1, c2, a1, a2, a3; [PAD] at padding.
        token_mask: bool [B, T]; each clip's T is F frames at the token rate, rounded.
        frame_durations: int64 [B, N], video frames per phoneme.
        attention_vt: float32 [B, F, N].
        attention_st: float32 [B, T, N].
    """

    tokens: Tensor
    token_mask: Tensor
    frame_durations: Tensor
    attention_vt: Tensor
    attention_st: Tensor


@dataclass(frozen=True)
class _Adapted:
    """Everything on the way from video and text to the denoiser's condition."""

    sync: Synchronized
    z: Tensor
    content: Content
    condition: Condition


class ContentAdaptation(nn.Module):
    """CCTA: prosody prior and H_sync side by side -> linear layers -> transformer blocks -> z_student."""

    def __init__(self, settings: ModelSettings, fuses_prosody: bool) -> None:
        super().__init__()
        width = settings.width
        self.fusion = nn.Sequential(
            Linear(2 * width if fuses_prosody else width, width), nn.GELU(), Linear(width, width)
        )
        self.transformer = Transformer(settings, settings.transformer_layers)

    def forward(self, sync: Tensor, prior: Tensor | None, mask: Tensor) -> Tensor:
        """H_sync [B, T, D], z_p [B, T, D] if it is fused, mask bool [B, T] -> z_student [B, T, D]."""
        joined = sync if prior is None else torch.cat([prior, sync], dim=-1)
        return self.transformer(self.fusion(joined), mask)


class Dubber(nn.Module):
    """Phoneme encoder, Synchronizer, FaPro, content adaptation, frozen content decoder and DFPA."""

    def __init__(self, settings: ModelSettings, objective: ObjectiveSettings, parts: PartsSettings) -> None:
        super().__init__()
        self.settings, self.parts, self.distillation = settings, parts, objective.distillation
        self.encoder = PhonemeEncoder(settings)
        self.synchronizer = Synchronizer(settings)
        self.fapro = FaPro(settings) if parts.fapro else None
        self.prior = Linear(settings.width, settings.denoiser_width) if parts.fapro else None
        self.adaptation = ContentAdaptation(settings, parts.fuses_prosody)
        self.decoder = ContentDecoder(settings)
        self.ctc = Linear(settings.width, settings.phoneme_vocabulary) if parts.ctc else None
        self.dfpa = DFPA(settings, objective.scheduler)
        if parts.pretraining:
            self.decoder.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """As `nn.Module.train`, but what is frozen stays in eval mode: its dropout is off."""
        super().train(mode)
        if self.parts.pretraining:
            self.decoder.eval()
        return self

    def initialise_from(self, teacher: TTS) -> None:
        """Copy what Sec. 3.4 takes from stage 1: transformer blocks, content decoder (frozen here) and denoiser.

        Raises:
            DubberError: this student is the ablation without pre-training.
        """
        if not self.parts.pretraining:
            raise DubberError(
                "A student without pre-training cannot be initialised from a teacher.",
                looked_at="parts.pretraining",
                hint="Train it from scratch, or set parts.pretraining: true.",
            )
        self.adaptation.transformer.load_state_dict(teacher.content.transformer.state_dict())
        self.decoder.load_state_dict(teacher.content.decoder.state_dict())
        self.dfpa.load_state_dict(teacher.dfpa.state_dict())

    def forward(self, batch: DubBatch, teacher: TTS | None = None, generator: Source = None) -> DubberOutput:
        """One training pass.

        Args:
            teacher: needed for distillation; it is put in eval mode and gets no gradient.
            generator: draws t and the masking.

        Raises:
            DubberError: distillation is on and there is no teacher.
        """
        adapted = self._adapt(batch, batch.token_mask)
        return DubberOutput(
            attention_vt=adapted.sync.attention_vt,
            attention_st=adapted.sync.attention_st,
            content=adapted.content.codes,
            ctc_logits=self.ctc(adapted.sync.hidden) if self.ctc is not None else None,
            z=adapted.z,
            teacher=self._ask(teacher, batch) if self.parts.distillation else None,
            flow=self.dfpa(batch.tokens, batch.token_mask, adapted.condition, generator),
        )

    @torch.no_grad()
    def dub(
        self,
        inputs: DubInputs,
        *,
        sampler: Sampler,
        generator: torch.Generator | None = None,
    ) -> Dub:
        """Speak a text in time with the lips and the face; call it in eval mode."""
        token_mask = length_mask(self.settings.tokens_in(inputs.frame_mask.sum(1)))
        adapted = self._adapt(inputs, token_mask)
        tokens = self.dfpa.sample(adapted.content.logits, token_mask, adapted.condition, sampler, generator)
        sync = adapted.sync
        return Dub(tokens, token_mask, sync.frame_durations, sync.attention_vt, sync.attention_st)

    def _adapt(self, inputs: DubInputs, token_mask: Tensor) -> _Adapted:
        """Everything up to the denoiser; token_mask bool [B, T]."""
        encoded = self.encoder(inputs.phonemes, inputs.phoneme_mask)
        sync = self.synchronizer(inputs.lips, inputs.frame_mask, encoded, inputs.phoneme_mask, token_mask)
        prior = self.fapro(inputs.faces, inputs.frame_mask, token_mask) if self.fapro is not None else None
        z = self.adaptation(sync.hidden, prior if self.parts.fuses_prosody else None, token_mask)
        content = self.decoder(z, token_mask)
        denoiser = self.dfpa.denoiser
        prompt = None if prior is None or self.prior is None else denoiser.prior_prompt(self.prior(prior), token_mask)
        condition = denoiser.condition(content.condition, token_mask, inputs.speaker, prompt)
        return _Adapted(sync, z, content, condition)

    def _ask(self, teacher: TTS | None, batch: DubBatch) -> Latent:
        """The teacher's z on the same text."""
        if teacher is None:
            raise DubberError(
                "Distillation needs the teacher of stage 1.",
                looked_at="parts.distillation",
                hint="Pass the teacher, or set parts.distillation: false.",
            )
        durations = batch.token_durations if self.distillation == "aligned" else None
        teacher.eval()
        with torch.no_grad():
            return teacher.content(batch.phonemes, batch.phoneme_mask, durations)
