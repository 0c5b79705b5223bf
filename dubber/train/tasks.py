"""What each stage asks of a batch: run the model, weigh the losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from dubber.model.batch import Batch, DubBatch
from dubber.model.dubber import Dubber
from dubber.model.settings import ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.train.losses import Losses, stage1_losses, stage2_losses
from dubber.train.runlog import LOSS


class Task(nn.Module, ABC):
    """A model together with its loss: one forward pass gives every loss term.

    The batch comes as a mapping, because the engine moves and casts tensors in mappings, not in frozen dataclasses.

    Attributes:
        model: what is trained and saved. Whatever else a task holds is neither.
    """

    model: nn.Module
    batch_type: type[Batch] = Batch

    def forward(self, batch: dict[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Scalars by name: "loss", the weighted sum, and its terms."""
        losses = self.losses(self.batch_type(**batch), generator)
        return {LOSS: losses.total, **losses.terms}

    @abstractmethod
    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        """All losses of one batch."""


def as_mapping(batch: Batch) -> dict[str, Any]:
    """The fields of a batch, not copied."""
    return {f.name: getattr(batch, f.name) for f in fields(batch)}


class Stage1(Task):
    """Zero-shot TTS, eq. 9."""

    def __init__(self, model: TTS, objective: ObjectiveSettings) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        return stage1_losses(self.model(batch, generator), batch, self.objective)


class Stage2(Task):
    """Dubbing adaptation, eq. 7. The teacher is only asked."""

    batch_type = DubBatch

    def __init__(self, model: Dubber, teacher: TTS | None, objective: ObjectiveSettings, parts: PartsSettings) -> None:
        super().__init__()
        self.model, self.objective, self.parts = model, objective, parts
        self.teacher = teacher.requires_grad_(False) if teacher is not None else None

    def losses(self, batch: DubBatch, generator: torch.Generator) -> Losses:
        return stage2_losses(self.model(batch, self.teacher, generator), batch, self.objective, self.parts)
