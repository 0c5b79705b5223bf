"""A trained model as one file: weights in safetensors, everything needed to rebuild it in the metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from dubber.artifacts import atomic_path
from dubber.errors import DubberError
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from.

    Attributes:
        stage: stage1 (the teacher, a `TTS`) or stage2 (the student, a `Dubber`).
        fingerprint: of the run that trained it.
        codec: name of the codec whose tokens it speaks.
        features: name of the lip and face features that it reads; empty for a teacher.
    """

    stage: str
    fingerprint: str
    codec: str
    features: str = ""


@dataclass(frozen=True)
class LoadedModel:
    """A model in eval mode, and where it comes from."""

    model: TTS | Dubber
    objective: ObjectiveSettings
    provenance: Provenance


def build(
    settings: ModelSettings, objective: ObjectiveSettings, parts: PartsSettings | None
) -> TTS | Dubber:
    """A new teacher, or with `parts` a new student."""
    return TTS(settings, objective) if parts is None else Dubber(settings, objective, parts)


def save_model(
    path: Path | str,
    model: TTS | Dubber,
    settings: ModelSettings,
    objective: ObjectiveSettings,
    parts: PartsSettings | None,
    provenance: Provenance,
) -> None:
    """Write a model; the file is whole or absent."""
    metadata = {
        "model": settings.model_dump_json(),
        "objective": objective.model_dump_json(),
        "parts": parts.model_dump_json() if parts is not None else "",
        "provenance": json.dumps(provenance.__dict__),
    }
    tensors = {name: tensor.detach().contiguous().cpu() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_model(path: Path | str) -> LoadedModel:
    """Rebuild a model from its file alone, in eval mode, on the CPU.

    Raises:
        DubberError: the file is missing, not one of ours, or its weights do not fit its settings.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        objective = ObjectiveSettings.model_validate_json(about["objective"])
        parts = PartsSettings.model_validate_json(about["parts"]) if about["parts"] else None
        model = build(ModelSettings.model_validate_json(about["model"]), objective, parts)
        model.load_state_dict(tensors, strict=True)
        return LoadedModel(model.eval(), objective, Provenance(**json.loads(about["provenance"])))
    except Exception as error:
        raise DubberError(
            f"A model cannot be loaded: {error}",
            looked_at=path,
            hint="It must be a model.safetensors that this version of dubber trained.",
        ) from error
