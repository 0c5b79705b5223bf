"""Checkpoints that are whole or not there.

A checkpoint is a folder `step-000000500`: tensors in safetensors files, everything else in `state.json`, which is
written last and holds the checksums of the others. The folder gets its name only when all of it is on the disk, so a
kill, a full disk or a lost node never leaves one that looks whole and is not.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dubber.errors import DubberError

log = logging.getLogger(__name__)

NAME = re.compile(r"step-(\d{9})")
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a training can go on from.

    Attributes:
        step: optimiser steps that were done.
        tensors: file name -> tensors: the model, the optimiser, the random number generators.
        state: everything else; JSON.
    """

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint under `folder` and drop all but the newest `keep`.

    Raises:
        DubberError: the disk is full or cannot be written; earlier checkpoints are untouched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{checkpoint.step:09d}"
    temporary = folder / f".{path.name}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        _write(temporary, checkpoint)
        shutil.rmtree(path, ignore_errors=True)
        temporary.rename(path)
        _sync(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        raise DubberError(
            f"A checkpoint could not be written: {'the disk is full' if full else error}",
            looked_at=path,
            hint="Nothing is lost: make room and run the same command again; it goes on from the last whole one.",
        ) from error
    for old in _by_step(folder)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    _sweep(folder)
    return path


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    checksums = {}
    for name, tensors in checkpoint.tensors.items():
        file = folder / f"{name}.safetensors"
        save_file({key: tensor.detach().contiguous().cpu() for key, tensor in tensors.items()}, file)
        _sync(file)
        checksums[file.name] = _checksum(file)
    state = folder / STATE
    state.write_text(json.dumps({"step": checkpoint.step, "checksums": checksums, **checkpoint.state}, indent=1))
    _sync(state)


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; broken ones are passed over with a warning."""
    for path in _by_step(folder):
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            log.warning("checkpoint %s is not whole and is passed over: %s", path, error)
    return None


def _read(path: Path) -> Checkpoint:
    state: dict[str, Any] = json.loads((path / STATE).read_text())
    tensors = {}
    for name, expected in state.pop("checksums").items():
        if _checksum(path / name) != expected:
            raise ValueError(f"{name} has another checksum")
        tensors[Path(name).stem] = load_file(path / name)
    return Checkpoint(state.pop("step"), tensors, state)


def _by_step(folder: Path) -> list[Path]:
    """Checkpoint folders, the newest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if NAME.fullmatch(path.name)), reverse=True)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written."""
    for path in folder.glob(".step-*.tmp"):
        shutil.rmtree(path, ignore_errors=True)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments, by parameter number and name."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, values in state.items() for name, value in values.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
