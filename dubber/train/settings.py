"""How a stage is trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from dubber.settings import Settings

# None of these reaches the weights, so a run may go on with other values of them.
RUNTIME = (
    "device",
    "processes",
    "strategy",
    "checkpoint_every",
    "keep_checkpoints",
    "log_every",
    "validate_every",
)


class StageSettings(Settings):
    """One training run: its length, its batches, its optimiser. Where the paper is silent the choice is ours."""

    steps: int | None = Field(default=None, ge=1, description="length of the run in optimiser steps")
    epochs: int | None = Field(default=None, ge=1, description="length of the run in passes over the training clips")
    batch_size: int = Field(default=16, ge=1, description="clips per optimiser step, over all processes")
    max_clip_tokens: int = Field(
        default=1600, ge=1, description="longer clips (speech tokens, 80 a second) are left out of training"
    )
    seed: int = Field(default=0, ge=0, description="seed of weights, batches, dropout and flow")

    lr: float = Field(default=1e-4, gt=0, description="highest learning rate of AdamW")
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="AdamW's averaging factors")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's decay, of matrices and kernels only")
    warmup_share: float = Field(default=0.1, ge=0, lt=1, description="share of the steps in which lr rises from 0")
    schedule: Literal["cosine", "constant"] = Field(default="cosine", description="lr after the rise")
    grad_clip: float = Field(default=1.0, gt=0, description="gradients of a larger norm are scaled down to it")
    precision: Literal["auto", "float32", "bf16"] = Field(
        default="float32",
        description="arithmetic of matrix products; weights and losses are float32. bf16 pays for large models on "
        "accelerators and on CPUs with AVX512-BF16, and is slower elsewhere; auto is bf16 where the hardware has it: "
        "the choice is part of the run's identity, so on other hardware it is another run",
    )

    validation_clips: int = Field(default=256, ge=0, description="validation clips used; 0 turns validation off")

    device: str = Field(default="auto", description="auto (the accelerator where there is one), cpu, cuda or cuda:<n>")
    processes: int = Field(
        default=1, ge=1, description="training processes on this machine, started by torchrun; they share each batch"
    )
    strategy: Literal["ddp", "fsdp"] = Field(
        default="ddp", description="of several processes: whole copies of the model, or (fsdp) parts of one"
    )
    validate_every: int = Field(default=500, ge=1, description="steps between losses on the validation clips")
    checkpoint_every: int = Field(default=500, ge=1, description="steps between checkpoints")
    keep_checkpoints: int = Field(default=2, ge=1, description="whole checkpoints that are kept")
    log_every: int = Field(default=10, ge=1, description="steps between lines of metrics.jsonl")

    @model_validator(mode="after")
    def _one_length(self) -> StageSettings:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                f"set exactly one of steps and epochs, not steps = {self.steps} and epochs = {self.epochs}"
            )
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be in [0, 1), not {self.betas}")
        return self

    def total_steps(self, batches_per_epoch: int) -> int:
        """Length of the run in optimiser steps."""
        return self.steps if self.steps is not None else self.epochs * batches_per_epoch

    def identity(self) -> dict[str, Any]:
        """What decides the result: every field but those of `RUNTIME`."""
        return self.model_dump(mode="json", exclude=set(RUNTIME))

    def pace(self) -> dict[str, Any]:
        """The fields of `RUNTIME`: how the result is reached."""
        return self.model_dump(mode="json", include=set(RUNTIME))
