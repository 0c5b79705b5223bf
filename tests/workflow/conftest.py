"""A copy of the project in which the real workflow runs on a corpus of a dozen clips."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = ("Snakefile", "rules", "workflow_scripts", "dubber", "config", "profiles", "envs")
TARGETS = ("results/micro_table.csv", "results/micro/report.html")
CONFIG = Path(__file__).parent / "micro.yaml"


@dataclass(frozen=True)
class Project:
    """A copy of the project with its own work, runs and results."""

    folder: Path

    def snakemake(self, *arguments: str, check: bool = True, **kwargs) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here; the last line of defence of every workflow test is its exit code."""
        finished = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True, **kwargs
        )
        if check and finished.returncode:
            raise AssertionError(f"snakemake failed:\n{finished.stdout[-6000:]}\n{finished.stderr[-6000:]}")
        return finished

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--configfile", "micro.yaml"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder)}

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry run plans."""
        out = self.snakemake("-n", *(arguments or TARGETS), "--quiet", "rules")
        text = out.stdout + out.stderr
        found = dict(re.findall(r"^(\w+)\s+(\d+)$", text, flags=re.MULTILINE))
        found.pop("total", None)
        return {rule: int(count) for rule, count in found.items()}

    def copy(self, folder: Path) -> Project:
        """The same project elsewhere, with everything that was made and Snakemake's memory of it."""
        shutil.copytree(self.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        return Project(folder)


def new_project(folder: Path) -> Project:
    """A fresh copy of the code, with the micro experiment."""
    folder.mkdir()
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    shutil.copy(CONFIG, folder / "micro.yaml")
    return Project(folder)


def wait_for(condition: Callable[[], object], seconds: float = 120) -> object:
    """What the condition gives, as soon as that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The micro experiment, run to the end once; tests that change something take a copy."""
    project = new_project(tmp_path_factory.mktemp("workflow") / "project")
    project.snakemake(*TARGETS)
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A finished project of one's own."""
    return finished.copy(tmp_path / "project")
