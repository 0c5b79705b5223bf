"""Where the files of another system lie, without opening one: light, because the workflow asks while it plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dubber.errors import ClipError, MissingDataError
from dubber.provenance import digest

SUFFIXES = (".wav", ".flac", ".mp3", ".mp4", ".mkv", ".mpg")


def find_file(folder: Path, row: Mapping[str, Any]) -> Path:
    """`<clip>.wav` (or another of `SUFFIXES`), or the same under the name and folder that the corpus's file has.

    Raises:
        ClipError: there is none, or there are several.
    """
    found = sorted({path for stem in _stems(row) for path in _with_suffix(folder, stem)})
    if len(found) == 1:
        return found[0]
    if found:
        raise ClipError(f"several files for one clip: {', '.join(path.name for path in found)}")
    raise ClipError(f"no output: {row['clip']}.wav is not in {folder}")


def folder_digest(rows: Iterable[Mapping[str, Any]], folder: Path) -> str:
    """Digest of the names, sizes and times of the files for these clips: another file, another score.

    Raises:
        MissingDataError: the folder is not there.
    """
    require_folder(folder)
    stats = []
    for row in rows:
        if row["split"] != "test":
            continue
        for path in sorted({path for stem in _stems(row) for path in _with_suffix(folder, stem)}):
            stat = path.stat()
            stats.append([path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns])
    return digest(stats)


def require_folder(folder: Path) -> None:
    """Refuse a folder that is not there.

    Raises:
        MissingDataError: naming it.
    """
    if not folder.is_dir():
        raise MissingDataError(
            "The folder of an external system's speech is not there.",
            looked_at=folder,
            hint="Put <clip>.wav for every test clip there, or correct `external` of the experiment.",
        )


def _stems(row: Mapping[str, Any]) -> set[str]:
    media = row["audio"] or row["video"]
    return {row["clip"], PurePosixPath(media).with_suffix("").as_posix()} if media else {row["clip"]}


def _with_suffix(folder: Path, stem: str) -> list[Path]:
    return [path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()]
