"""A corpus, and runs on it that nothing disturbed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.resume.tiny_run import make_corpus, train


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the corpus and both stages trained on it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    make_corpus(folder)
    train(folder, "stage1")
    train(folder, "stage2")
    return folder


@pytest.fixture
def corpus(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the corpus, with the trained teacher but no student."""
    folder = tmp_path / "copy"
    shutil.copytree(undisturbed, folder)
    shutil.rmtree(folder / "runs" / "stage2")
    return folder
