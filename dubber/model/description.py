"""What the file of a trained model says of itself, told without loading PyTorch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open

from dubber.errors import DubberError
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings, Stage
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


def describe_model(path: Path | str) -> Description:
    """What a model file says of itself.

    Raises:
        DubberError: the file is missing or is not one of our models.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return Description.model_validate_json((file.metadata() or {})[KEY])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = first_wrong(error) if isinstance(error, ValidationError) else str(error)
        raise DubberError(
            f"A model cannot be read: {type(error).__name__}: {reason}",
            looked_at=path,
            hint="Run the Snakemake target that trains it.",
        ) from error
