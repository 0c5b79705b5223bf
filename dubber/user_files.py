"""The files that a person puts into a folder, one for each clip: another system's speech, or features.

No file is opened here: the workflow asks while it plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from dubber.errors import ClipError, MissingDataError
from dubber.provenance import digest

SUFFIXES = (".wav", ".flac", ".mp3", ".mp4", ".mkv", ".mpg")
SPEECH = "an external system's speech", "<clip>.wav for every test clip", "`external` of the experiment"
FEATURES = "imported features", "<clip>.npy for every clip (docs/reference/features.md)", "`folder`"


def speech_file(folder: Path, row: Mapping[str, Any]) -> Path:
    """`<clip>.wav` (or another of `SUFFIXES`), or the same under the name and folder that the corpus's file has.

    Raises:
        ClipError: there is no such file, or several.
    """
    found = _speech_files(folder, row)
    if len(found) == 1:
        return found[0]
    if found:
        raise ClipError(f"several files for one clip: {', '.join(path.name for path in found)}")
    raise ClipError(f"no output: {row['clip']}.wav is not in {folder}")


def feature_file(folder: Path, clip: str) -> Path:
    """The file of one clip's features."""
    return folder / f"{clip}.npy"


def speech_digest(folder: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """Digest of the names, sizes and times of the speech for the test clips: another file, another score.

    Raises:
        MissingDataError: the folder is missing.
    """
    require_folder(folder, *SPEECH)
    return _digest(folder, [path for row in rows if row["split"] == "test" for path in _speech_files(folder, row)])


def features_digest(folder: Path, clips: Iterable[str]) -> str:
    """Digest of the names, sizes and times of the features for these clips: another file, other features.

    Raises:
        MissingDataError: the folder is missing.
    """
    require_folder(folder, *FEATURES)
    return _digest(folder, [path for clip in clips if (path := feature_file(folder, clip)).is_file()])


def require_folder(folder: Path, what: str, content: str, setting: str) -> None:
    """Refuse a folder that does not exist.

    Args:
        folder: as the configuration names it.
        what: it holds, for the error.
        content: the files that belong there.
        setting: that names the folder.

    Raises:
        MissingDataError: the folder is missing.
    """
    if not folder.is_dir():
        hint = f"Put {content} there, or correct {setting}."
        raise MissingDataError(f"The folder of {what} is missing.", looked_at=folder, hint=hint)


def _speech_files(folder: Path, row: Mapping[str, Any]) -> list[Path]:
    media = row["audio"] or row["video"]
    stems = {row["clip"], *([PurePosixPath(media).with_suffix("").as_posix()] if media else [])}
    return sorted(path for stem in stems for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file())


def _digest(folder: Path, paths: Sequence[Path]) -> str:
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in paths]
    return digest([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])
