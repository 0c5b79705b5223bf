"""Processes that lease cards of a made-up machine with two of them, and write down when they had which."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from dubber import gpus

CARDS = {"0": "card-a", "1": "card-b"}


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


def become_another_program(folder: Path, seconds: float) -> None:
    """A job in whose place another program goes on, as torchrun does."""
    pretend(folder)
    gpus.lease_gpus(1)
    program = f"import pathlib, time; pathlib.Path({str(folder / 'other.started')!r}).touch(); time.sleep({seconds})"
    os.execv(sys.executable, [sys.executable, "-c", program])
