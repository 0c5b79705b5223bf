"""Listing a corpus folder: names, sizes and times, without opening a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dubber.errors import DubberError

SAMPLE = 64 * 1024  # bytes from either end of a file that its digest looks at


@dataclass(frozen=True)
class File:
    """A file under a corpus folder.

    Attributes:
        path: relative to the folder, with forward slashes.
        size: bytes.
        mtime: modification time, ns.
    """

    path: str
    size: int
    mtime: int


def files_under(root: Path) -> Iterator[File]:
    """Every regular file under `root`, folder by folder in order of the names; links are followed.

    Hidden names, links that lead nowhere and links back to a folder on the way are passed over.

    Raises:
        DubberError: a folder cannot be read.
    """
    yield from _walk(os.fspath(root), "", ())


def _walk(folder: str, prefix: str, above: tuple[str, ...]) -> Iterator[File]:
    here = os.path.realpath(folder)
    if here in above:
        return
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DubberError(f"A folder of the corpus cannot be read: {error.strerror}", looked_at=folder) from error
    for entry in found:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry.path, f"{prefix}{entry.name}/", (*above, here))
        elif entry.is_file():
            stat = entry.stat()
            yield File(prefix + entry.name, stat.st_size, stat.st_mtime_ns)


def listing_digest(files: Iterable[File]) -> str:
    """Digest of names, sizes and times: another digest, another look at the corpus."""
    state = hashlib.blake2b(digest_size=16)
    for file in files:
        state.update(os.fsencode(f"{file.path}\0{file.size}\0{file.mtime}\n"))
    return state.hexdigest()


def content_digest(path: Path) -> str:
    """Digest of a file's size and of its first and last 64 KiB: the same after a copy, and cheap for a video."""
    size = path.stat().st_size
    state = hashlib.blake2b(f"{size}\0".encode(), digest_size=16)
    with path.open("rb") as file:
        state.update(file.read(SAMPLE))
        if size > 2 * SAMPLE:
            file.seek(-SAMPLE, os.SEEK_END)
        state.update(file.read(SAMPLE))
    return state.hexdigest()
