"""Faults for the processes of a workflow under test; Python imports this file where its folder is on the path.

DUBBER_FAULT is `<kind>:<pattern>`; a fault strikes once, and leaves the file DUBBER_FAULT_DONE behind.

    half-parquet:PATTERN      SIGKILL when half of a Parquet file whose name holds PATTERN is written
    half-checkpoint:PATTERN   SIGKILL when half of a tensor file whose path holds PATTERN is written
    vanish:PATH               PATH is removed as soon as a job's script starts
    clock:SCRIPT              in that script, the clock jumps an hour back and forth
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import itertools
import os
import signal
import sys
import time
from pathlib import Path

KIND, _, PATTERN = os.environ.get("DUBBER_FAULT", "").partition(":")
DONE = Path(os.environ.get("DUBBER_FAULT_DONE", "/dev/null"))
SCRIPT = next((Path(word).name for word in sys.orig_argv if word.startswith("workflow_scripts/")), "")


def strike(path: str) -> None:
    """Cut the file in half and die, as a machine that loses power does."""
    os.truncate(path, Path(path).stat().st_size // 2)
    DONE.touch()
    os.kill(os.getpid(), signal.SIGKILL)


def dying(write, position: int):
    """`write`, which dies after it has written a file of the pattern, whose name is its `position`-th argument."""

    def writes(*args, **kwargs):
        written = write(*args, **kwargs)
        if PATTERN in str(args[position]) and not DONE.exists():
            strike(str(args[position]))
        return written

    return writes


class Patch(importlib.abc.MetaPathFinder):
    """Replaces one function of one module when that is imported for the first time."""

    def __init__(self, module: str, name: str, position: int) -> None:
        self.module, self.name, self.position = module, name, position

    def find_spec(self, fullname, path, target=None):
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        execute = spec.loader.exec_module

        def patched(module) -> None:
            execute(module)
            setattr(module, self.name, dying(getattr(module, self.name), self.position))

        spec.loader.exec_module = patched
        return spec


if SCRIPT and not DONE.exists():
    match KIND:
        case "half-parquet":
            sys.meta_path.insert(0, Patch("pyarrow.parquet", "write_table", 1))
        case "half-checkpoint":
            sys.meta_path.insert(0, Patch("safetensors.torch", "save_file", 1))
        case "vanish" if SCRIPT == "audio.py":
            Path(PATTERN).unlink()
            DONE.touch()
        case "clock" if PATTERN == SCRIPT:
            real, jumps = time.time, itertools.cycle([0, -3600, 3600, 86_400])
            time.time = lambda: real() + next(jumps)
            DONE.touch()
