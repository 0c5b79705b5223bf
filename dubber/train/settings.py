"""How a stage is trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from dubber.settings import Settings

RUNTIME = frozenset({"checkpoint_every", "keep_checkpoints", "validate_every", "log_every", "device"})
"""Settings that do not change what is learnt: a run may go on with other ones."""


class StageSettings(Settings):
    """Optimisation of one stage. Exactly one of `steps` and `epochs` says how long it lasts."""

    steps: int | None = Field(default=None, ge=1, description="optimiser steps")
    epochs: int | None = Field(default=None, ge=1, description="passes over the training clips")
    batch_size: int = Field(default=16, ge=1, description="clips in a batch")
    lr: float = Field(default=1e-4, gt=0, description="AdamW's learning rate after warm-up")
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="AdamW's moving averages")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's decoupled weight decay")
    warmup_share: float = Field(default=0.1, ge=0, le=1, description="share of the steps in which the rate grows")
    schedule: Literal["cosine", "constant"] = Field(default="cosine", description="learning rate after warm-up")
    grad_clip: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
    precision: Literal["float32", "bf16"] = Field(
        default="float32", description="bf16 runs matrix products 4-5 times faster on a CPU with AVX512-BF16"
    )
    seed: int = Field(default=0, ge=0, description="initial weights, order of clips, masking, dropout")
    checkpoint_every: int = Field(default=500, ge=1, description="steps between checkpoints")
    keep_checkpoints: int = Field(default=2, ge=1, description="whole checkpoints that are kept")
    validate_every: int = Field(default=100, ge=1, description="steps between looks at the validation clips")
    log_every: int = Field(default=10, ge=1, description="steps between lines of metrics.jsonl")
    device: str = Field(default="auto", description="auto, cpu, cuda or cuda:N")

    @model_validator(mode="after")
    def _one_length(self) -> StageSettings:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("set exactly one of steps and epochs")
        return self

    def identity(self) -> dict[str, Any]:
        """The settings that change what is learnt."""
        return self.model_dump(mode="json", exclude=set(RUNTIME))
