"""What every test shares: the real recordings, where they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings (see DUBBER_SHARED_DATA); tests that need it skip where it is missing."""
    folder = Path(os.environ.get("DUBBER_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "grid-mini" / "clips.csv").exists():
        pytest.skip(f"real recordings are not at {folder} (set DUBBER_SHARED_DATA)")
    return folder
