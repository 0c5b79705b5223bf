"""A trained model as one file: weights, and in its metadata everything that is needed to build it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, overload

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from dubber.errors import DubberError, listed
from dubber.files import atomic_path
from dubber.model.dubber import Dubber
from dubber.model.settings import KEY, Description, Stage, describe_model
from dubber.model.tts import TTS


def build_model(description: Description) -> TTS | Dubber:
    """A model of this description with fresh weights."""
    if description.parts is None:
        return TTS(description.model, description.objective)
    return Dubber(description.model, description.objective, description.parts)


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
    model = build_model(description)
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
