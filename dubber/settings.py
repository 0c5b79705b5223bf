"""The base of every settings class.

Each room owns its settings in a light `settings.py` (no torch, no numpy), so that the workflow can read
the configuration in milliseconds and a change to one room's settings makes only that room's results stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator


class Settings(BaseModel):
    """Frozen, typed, and closed: an unknown key is an error that names the nearest valid one."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown_key(str(key), list(cls.model_fields)))
        return values

    def changed(self, difference: Mapping[str, Any]) -> Self:
        """These settings with other values for some keys, at any depth; only what changes is validated.

        Raises:
            ValidationError: a key is unknown or a value is not valid.
        """
        values = {name: getattr(self, name) for name in self.model_fields_set}
        for name, new in difference.items():
            old = getattr(self, name, None)
            values[name] = old.changed(new) if isinstance(old, Settings) and isinstance(new, Mapping) else new
        return type(self).model_validate(values)


def unknown_key(key: str, valid: Sequence[str]) -> str:
    """The sentence for a key that nobody knows."""
    near = get_close_matches(key, valid, n=1, cutoff=0.5)
    guess = f"did you mean '{near[0]}'? " if near else ""
    return f"unknown key '{key}': {guess}valid keys are {', '.join(valid)}"


def first_wrong(error: ValidationError) -> str:
    """The first wrong value of settings, in one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")


class Needed(NamedTuple):
    """Published files that a setting asks for.

    Attributes:
        paths: the files, as the configuration names them.
        group: the group in `config/assets.csv` that holds them.
        otherwise: the setting that works without them.
    """

    paths: tuple[str, ...]
    group: str
    otherwise: str
