"""The base of every settings class.

Each room owns its settings in a light `settings.py` (no torch, no numpy), so that the workflow can read
the configuration in milliseconds and a change to one room's settings makes only that room's results stale.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, typed, and closed: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())
