"""Where a user's own features lie, without opening one: light, because the workflow asks while it plans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dubber.errors import MissingDataError
from dubber.provenance import digest


def feature_file(folder: Path, clip: str) -> Path:
    """The file of one clip's features."""
    return folder / f"{clip}.npy"


def folder_digest(folder: Path, clips: Sequence[str]) -> str:
    """Digest of the names, sizes and times of the files for these clips: another file, other features.

    Raises:
        MissingDataError: the folder is not there.
    """
    require_folder(folder)
    found = [path.stat() if (path := feature_file(folder, clip)).is_file() else None for clip in clips]
    return digest([list(clips), [[stat.st_size, stat.st_mtime_ns] if stat else None for stat in found]])


def require_folder(folder: Path) -> None:
    """Refuse a folder that is not there.

    Raises:
        MissingDataError: naming it.
    """
    if not folder.is_dir():
        raise MissingDataError(
            "The folder of imported features is not there.",
            looked_at=folder,
            hint="Put <clip>.npy for every clip there (docs/reference/features.md), or correct `folder`.",
        )
