"""A trained model as one file: weights, and in its metadata everything that is needed to build it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, overload

import torch
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dubber.artifacts import atomic_path
from dubber.errors import DubberError, listed
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings, Stage
from dubber.model.tts import TTS
from dubber.settings import Settings, first_wrong

KEY = "dubber"  # one key: safetensors writes several in no fixed order


class Description(Settings):
    """What a model file says about itself."""

    stage: Stage = Field(description="stage1 is a TTS teacher, stage2 a dubbing student")
    model: ModelSettings = Field(description="sizes")
    objective: ObjectiveSettings = Field(description="losses and flow")
    parts: PartsSettings | None = Field(description="of a student; a teacher has none")
    codec: str = Field(description="name of the codec that the model was trained with")
    features: str | None = Field(description="name of the features; a teacher sees no video")
    fingerprint: str = Field(description="of the run that made the model")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.stage == "stage2") != (self.parts is not None):
            raise ValueError(f"{self.stage}: only a student (stage2) has parts, and it needs them")
        return self

    def to_json(self) -> str:
        """The text that the file stores."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def build(self) -> TTS | Dubber:
        """A model of this description with fresh weights."""
        if self.parts is None:
            return TTS(self.model, self.objective)
        return Dubber(self.model, self.objective, self.parts)


def save_model(path: Path | str, weights: Mapping[str, Tensor], description: Description) -> None:
    """Write a model file, whole or not at all."""
    content = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    with atomic_path(path) as temporary:
        save_file(content, temporary, metadata={KEY: description.to_json()})


def halve_model(source: Path | str, target: Path | str) -> None:
    """Write a model file again with its weights in float16; `load_model` builds the same float32 model of either.

    Raises:
        DubberError: the source is not one of our models, or a weight is too large for float16.
    """
    description = describe_model(source)
    with safe_open(source, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (a handle, not a mapping)
    halved = {name: value.half() if value.is_floating_point() else value for name, value in weights.items()}
    broken = [name for name, value in halved.items() if not value.isfinite().all()]
    if broken:
        raise DubberError(
            f"{broken[0]} does not fit in half precision.", looked_at=source, hint="Export it in full precision."
        )
    save_model(target, halved, description)


def describe_model(path: Path | str) -> Description:
    """What a model file says of itself.

    Raises:
        DubberError: the file is missing or is not one of our models.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return Description.model_validate_json((file.metadata() or {})[KEY])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = first_wrong(error) if isinstance(error, ValidationError) else str(error)
        raise DubberError(
            f"A model cannot be read: {type(error).__name__}: {reason}",
            looked_at=path,
            hint="Run the Snakemake target that trains it.",
        ) from error


@overload
def load_model(path: Path | str, stage: Literal["stage1"], device: torch.device | str = "cpu") -> TTS: ...


@overload
def load_model(path: Path | str, stage: Literal["stage2"], device: torch.device | str = "cpu") -> Dubber: ...


def load_model(path: Path | str, stage: Stage, device: torch.device | str = "cpu") -> TTS | Dubber:
    """Build a model from its file alone, in eval mode.

    Raises:
        DubberError: the file is missing, is not one of our models, is of the other stage, or lacks a weight.
    """
    description = describe_model(path)
    if description.stage != stage:
        raise DubberError(
            f"A model of {stage} is wanted and the file holds one of {description.stage}.",
            looked_at=path,
            hint="Teachers are in runs/<experiment>/stage1/, students in runs/<experiment>/<run>/.",
        )
    model = description.build()
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (a handle, not a mapping)
    misfit = _misfit(model.state_dict(), weights)
    if misfit:
        raise DubberError(
            f"The weights do not fit the code: {misfit}.", looked_at=path, hint="Train again with this code."
        )
    model.load_state_dict(weights, strict=True)
    return model.to(device).eval()


def _misfit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """The first weight that is lacking, too much or of another size, and how many more are; empty if all fit."""
    wrong = [f"{name} is not in the file" for name in wanted if name not in found]
    wrong += [f"{name} is not of this model" for name in found if name not in wanted]
    wrong += [
        f"{name} is of another size, {list(found[name].shape)} instead of {list(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    return listed(wrong, 1)


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Digest of names and values: whether two models are the same, bit for bit."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
