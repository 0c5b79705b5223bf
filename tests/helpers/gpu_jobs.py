"""Processes that lease cards of a made-up machine with two of them, and write down when they had which."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dubber import gpus

CARDS = [gpus.Card("0", "card-a"), gpus.Card("1", "card-b")]


def pretend(folder: Path) -> None:
    """Make this process believe in the two cards, with their locks in `folder`."""
    tempfile.tempdir = str(folder)
    gpus.visible_cards = lambda: CARDS
    gpus.POLL = 0.02


def compute(folder: Path, job: str, count: int, seconds: float) -> None:
    """A job: lease, compute, and say from when to when on which cards."""
    pretend(folder)
    gpus.lease_gpus(count)
    start = time.monotonic()
    (folder / f"{job}.started").touch()
    time.sleep(seconds)
    record = {"cards": os.environ[gpus.VISIBLE].split(","), "start": start, "end": time.monotonic()}
    (folder / f"{job}.json").write_text(json.dumps(record))


def launch(folder: Path, seconds: float) -> None:
    """A job that computes in a child, as torchrun does."""
    pretend(folder)
    gpus.lease_gpus(1)
    child = [sys.executable, "-c", f"from tests.helpers.gpu_jobs import child; child({str(folder)!r}, {seconds})"]
    subprocess.run(child, check=True)


def child(folder: str, seconds: float) -> None:
    """What computes in the child."""
    gpus.hold_leased()
    (Path(folder) / "child.started").touch()
    time.sleep(seconds)
