"""Fixtures shared by all tests: real recordings where they exist, and small models made once a session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dubber import VideoDubber

ROOT = Path(__file__).resolve().parent.parent


SLOW_FOLDERS = ("workflow", "resume", "real", "faults")  # Snakemake, training in processes, recordings
SLOW_FILES = (
    "test_browser", "test_command_line", "test_stopped", "test_product", "test_locks",  # processes
    "test_fuzz_command_line", "test_reference_voice", "test_lse",  # whole dubs, voices at every rate, a fit
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # before xdist's own, which reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-fast` leaves out, and keep each folder on one worker, the longest ones first.

    A folder shares its session fixtures, such as the finished workflow, so that no worker makes them twice.
    """
    for item in items:
        folder = item.path.parent.relative_to(ROOT / "tests").as_posix()
        item.add_marker(pytest.mark.xdist_group(folder))
        reads_recordings, starts_processes = "shared_data" in item.fixturenames, _names(item, "subprocess")
        if folder in SLOW_FOLDERS or item.path.stem in SLOW_FILES or reads_recordings or starts_processes:
            item.add_marker(pytest.mark.slow)
    first = {folder: place for place, folder in enumerate(("workflow", "resume", "real", "dub"))}
    items.sort(key=lambda item: first.get(item.path.parent.name, len(first)))


def _names(item: pytest.Item, name: str) -> bool:
    """Whether the code of a test uses a name."""
    return isinstance(item, pytest.Function) and name in item.function.__code__.co_names


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """A folder with `grid-mini/clips.csv` and the like; tests that need it skip where there is none.

    It is the one that DUBBER_RECORDINGS names, or any `*/data` beside the checkout.
    """
    named = os.environ.get("DUBBER_RECORDINGS")
    folders = [Path(named)] if named else sorted(ROOT.parent.glob("*/data"))
    found = [folder for folder in folders if (folder / "grid-mini" / "clips.csv").exists()]
    if not found:
        pytest.skip("no real recordings: set DUBBER_RECORDINGS to a folder with grid-mini/clips.csv")
    return found[0]


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
    """`runs/tiny/full` in a project of its own."""
    from tests.helpers.tiny_project import make_project

    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def tiny_export(tiny_run, tmp_path_factory) -> Path:
    """The same run, exported; not to be changed."""
    from dubber.dub.bundle import open_bundle
    from dubber.dub.export import export

    bundle = open_bundle(tiny_run)
    return export(bundle, tmp_path_factory.mktemp("export") / "tiny.dubber")


@pytest.fixture
def own_export(tiny_export, tmp_path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(tiny_export, tmp_path / "own.dubber"))


@pytest.fixture(scope="session")
def tiny_dubber(tiny_export) -> VideoDubber:
    """It dubs anything, badly."""
    import dubber

    return dubber.load(tiny_export, device="cpu")


@pytest.fixture(scope="session")
def reference(tmp_path_factory) -> Path:
    """A voice of the demo corpus."""
    from tests.helpers.tiny_project import write_reference

    return write_reference(tmp_path_factory.mktemp("voice") / "voice.wav")


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    """Two seconds of a talking face at 25 frames a second, with a stereo tone."""
    from tests.helpers.tiny_project import every, write_film

    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", every(25, 2.0))
