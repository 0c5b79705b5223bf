"""What several modules of unit tests share, made once; nothing heavy is imported before it is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import dubber


@pytest.fixture
def one_thread() -> Iterator[None]:
    """A minute model is not worth a second thread, least of all beside other processes."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """`runs/tiny/full` in a project of its own, whose configuration is `tiny.yaml`."""
    from tests.unit.tiny_project import make_project

    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def tiny_export(tiny_run, tmp_path_factory) -> Path:
    """The same run, exported; not to be changed."""
    from dubber.dub.bundle import open_bundle
    from dubber.dub.exported import export

    bundle = open_bundle(tiny_run, [tiny_run.parents[2] / "tiny.yaml"])
    return export(bundle, tmp_path_factory.mktemp("export") / "tiny.dubber")


@pytest.fixture
def own_export(tiny_export, tmp_path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_export, tmp_path / "own.dubber"))


@pytest.fixture(scope="session")
def tiny_dubber(tiny_export) -> dubber.VideoDubber:
    """It dubs anything, badly."""
    return dubber.load(tiny_export, device="cpu")


@pytest.fixture(scope="session")
def reference(tmp_path_factory) -> Path:
    """A voice of the demo corpus."""
    from tests.unit.tiny_project import write_reference

    return write_reference(tmp_path_factory.mktemp("voice") / "voice.wav")


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    """Two seconds of a talking face at 25 frames a second, with a stereo tone."""
    from tests.unit.tiny_project import every, write_film

    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", every(25, 2.0))
