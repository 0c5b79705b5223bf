"""Checkpoints that are whole or absent.

A checkpoint is a folder `step-<k>`: tensors in safetensors files, everything else in `state.json`, which is written
last and holds the checksum of every other file. The folder gets its name by one rename after all of it is on the disk.
So whatever a kill, a full disk or a lost machine leaves behind is either a whole checkpoint or is seen not to be one.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dubber.errors import DubberError
from dubber.files import checksum

log = logging.getLogger(__name__)

STATE = "state.json"
NAME = re.compile(r"step-(\d+)")
UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint on the disk.

    Attributes:
        path: its folder.
        step: optimiser steps done.
        state: what was given to `Checkpoints.save` beside the tensors.
    """

    path: Path
    step: int
    state: Mapping[str, Any]

    def tensors(self, name: str) -> dict[str, Tensor]:
        """One of the tensor files, on the CPU."""
        return load_file(self.path / f"{name}.safetensors")


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: of the checkpoints.
        keep: how many whole ones stay, the newest.
    """

    def __init__(self, folder: Path | str, keep: int) -> None:
        self.folder, self.keep = Path(folder), keep

    def save(self, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> Path:
        """Write a checkpoint, then drop the oldest beyond `keep`.

        Args:
            tensors: file name without suffix -> tensors by name.
            state: JSON values.

        Raises:
            DubberError: it could not be written; the ones before are untouched.
        """
        final = self.folder / f"step-{step:09d}"
        temporary = self.folder / f"{UNFINISHED}{final.name}"
        try:
            self.tidy()
            temporary.mkdir(parents=True)
            _write(temporary, tensors, {"step": step, **state})
            if final.exists():  # a broken one of the same step
                _remove(final)
            temporary.rename(final)
            _sync(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            raise DubberError(
                f"The checkpoint of step {step} cannot be written: {error}",
                looked_at=final,
                hint="Make room on the disk and run the same command again: "
                f"training resumes from {self._newest_name()}.",
            ) from error
        self._prune(step)
        return final

    def _prune(self, step: int) -> None:
        """Keep the newest up to `step`; later ones were passed over when this run resumed from an older one."""
        found = self._found()
        later = [path for number, path in found if number > step]
        older = [path for number, path in found if number <= step]
        for path in (*later, *older[self.keep :]):
            _remove(path)

    def latest(self) -> Checkpoint | None:
        """The newest whole checkpoint; broken ones are passed over with a warning."""
        for step, path in self._found():
            reason = _flaw(path)
            if reason is None:
                return Checkpoint(path, step, json.loads((path / STATE).read_text())["state"])
            log.warning("checkpoint %s is passed over: %s", path, reason)
        return None

    def tidy(self) -> None:
        """Remove what a killed process left unfinished; call it only where no other process writes."""
        for path in self.folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _found(self) -> list[tuple[int, Path]]:
        """Steps and folders, newest first."""
        if not self.folder.is_dir():
            return []
        named = [(NAME.fullmatch(path.name), path) for path in self.folder.iterdir()]
        return sorted(((int(match[1]), path) for match, path in named if match), reverse=True)

    def _newest_name(self) -> str:
        found = self._found()
        return found[0][1].name if found else "its start"


def _write(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    for name, content in tensors.items():
        save_file({k: v.detach().cpu().contiguous() for k, v in content.items()}, folder / f"{name}.safetensors")
    checksums = {path.name: checksum(path) for path in sorted(folder.iterdir())}
    for name in checksums:
        _sync(folder / name)
    with (folder / STATE).open("w") as file:
        json.dump({"checksums": checksums, "state": dict(state)}, file)
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)


def _flaw(path: Path) -> str | None:
    """Why a folder is not a whole checkpoint; None if it is one."""
    try:
        stored = json.loads((path / STATE).read_text())
        wrong = [name for name, value in dict(stored["checksums"]).items() if checksum(path / Path(name).name) != value]
        wrong += [] if isinstance(stored["state"], dict) else [STATE]
        return f"{', '.join(wrong)} changed after it was written" if wrong else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"{type(error).__name__}: {error}"


def _remove(path: Path) -> None:
    """Rename first: a removal that is cut short must not look like a broken checkpoint."""
    doomed = path.with_name(f"{UNFINISHED}{path.name}-old")
    path.rename(doomed)
    shutil.rmtree(doomed)


def _sync(path: Path) -> None:
    """Force a file or a folder's entries onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
