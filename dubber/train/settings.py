"""The settings of a training run, from `config.yaml` to the optimiser."""

from __future__ import annotations

import json
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from dubber.errors import ConfigError
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings, Stage
from dubber.settings import Settings, first_wrong


class OptimiserSettings(Settings):
    """The arguments of AdamW, by PyTorch's names: a new field reaches the optimiser without further code."""

    lr: float = Field(default=1e-4, gt=0, description="highest learning rate of AdamW")
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="AdamW's averaging factors")
    weight_decay: float = Field(default=0.01, ge=0, description="AdamW's decay, of matrices and kernels only")

    def adamw(self) -> dict[str, Any]:
        """The keyword arguments of `torch.optim.AdamW`."""
        return {name: getattr(self, name) for name in OptimiserSettings.model_fields}

    @model_validator(mode="after")
    def _averages(self) -> Self:
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be in [0, 1), not {self.betas}")
        return self


class TrainSettings(OptimiserSettings):
    """All settings of a training run that change its weights. Where the paper is silent the choice is ours."""

    steps: int | None = Field(default=None, ge=1, description="length of the run in optimiser steps")
    epochs: int | None = Field(default=None, ge=1, description="length of the run in passes over the training clips")
    batch_size: int = Field(default=16, ge=1, description="clips per optimiser step, over all processes")
    max_clip_tokens: int = Field(
        default=1600, ge=1, description="longer clips (speech tokens, 80 a second) are left out of training"
    )
    seed: int = Field(default=0, ge=0, description="seed of weights, batches, dropout and flow")
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

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(
                f"set exactly one of steps and epochs, not steps = {self.steps} and epochs = {self.epochs}"
            )
        return self

    def total_steps(self, batches_per_epoch: int) -> int:
        """Length of the run in optimiser steps."""
        return self.steps if self.steps is not None else (self.epochs or 0) * batches_per_epoch


class ExecutionSettings(Settings):
    """How a run is executed. None of this reaches the weights, so a run may resume with other values."""

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


class StageSettings(TrainSettings, ExecutionSettings):
    """One stage of an experiment, as the configuration writes it: its training and its execution."""

    def train(self) -> TrainSettings:
        """The half that changes the weights."""
        return TrainSettings.model_construct(**{name: getattr(self, name) for name in TrainSettings.model_fields})

    def execution(self) -> ExecutionSettings:
        """The half that changes nothing in the result."""
        fields = ExecutionSettings.model_fields
        return ExecutionSettings.model_construct(**{name: getattr(self, name) for name in fields})


class RunSettings(Settings):
    """All settings that decide the weights of a training run: the workflow writes them, the training reads them.

    `dubber.config.Config.run_settings` makes them from the configuration.
    """

    stage: Stage = Field(description="stage1 trains the zero-shot TTS teacher, stage2 the dubbing student")
    model: ModelSettings = Field(description="sizes, as wide as the codec and the features")
    objective: ObjectiveSettings = Field(description="losses and flow")
    parts: PartsSettings | None = Field(default=None, description="of the student; a teacher has none")
    train: TrainSettings = Field(description="length, batches, optimiser")
    codec: str = Field(description="name of the codec")
    features: str | None = Field(default=None, description="name of the features; a teacher sees no video")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.stage == "stage2") != (self.parts is not None):
            raise ValueError(f"{self.stage}: only a student (stage2) has parts, and it needs them")
        return self

    def identity(self) -> dict[str, Any]:
        """JSON values of all that decides the result; another stage's losses and absent values are left out."""
        plain = self.model_dump(mode="json", exclude_none=True)
        return plain | {"objective": self.objective.of_stage(self.stage)}

    def to_json(self) -> str:
        """The identity as text, always the same for the same settings."""
        return json.dumps(self.identity(), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> RunSettings:
        """The inverse of `to_json`.

        Raises:
            ConfigError: the text holds no settings of a run.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ConfigError(f"The settings of a run are not valid: {first_wrong(error)}.") from None
