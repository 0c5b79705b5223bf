"""A folder that looks like GRID: real names, files with a few bytes of their own."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from dubber.corpus.grid import every_sentence


def names(count: int) -> list[str]:
    """Different clip names, spread over the grammar."""
    every = every_sentence()
    return every[:: len(every) // count][:count]


def add(root: Path, path: str, content: bytes | None = None) -> Path:
    """Write a file whose content is its own path's hash."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(hashlib.sha256(os.fsencode(path)).digest() if content is None else content)
    return file


def make(root: Path, *, speakers: int = 3, clips: int = 40) -> Path:
    """`<speaker>/<clip>.mpg` for the first speakers."""
    for speaker in range(1, speakers + 1):
        for name in names(clips):
            add(root, f"s{speaker}/{name}.mpg")
    return root
