"""Any corpus that a CSV file lists: one line a clip, the column names are settings."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubber.corpus.clip import Clip, Reader, unsafe
from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings
from dubber.corpus.split import SPLITS
from dubber.errors import DubberError
from dubber.files import MAX_LIST_BYTES, MAX_TEXT_BYTES

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
PATHS = ("video", "audio", "words")


class Table(Reader):
    """Reads a CSV list in the corpus folder, separated by commas, semicolons, tabs or bars.

    Only clip and speaker must be there in every line; a clip without text or media fails in its own step.
    """

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        path = root / (settings.clips or "clips.csv")
        lines = _lines(path)
        header = _Header.of(next(lines, (1, "")), path, settings)
        seen: dict[str, int] = {}
        for number, line in lines:
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            clip = header.clip(line, where)
            if clip.clip in seen:
                what = f"Two lines of the list of clips have the name {clip.clip!r}."
                raise DubberError(what, looked_at=f"{where} and line {seen[clip.clip]}")
            seen[clip.clip] = number
            yield clip


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines, from 1, in UTF-8 or in the UTF-16 in which Excel saves text."""
    number = 0
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise DubberError(
                f"The list of clips is larger than the {MAX_LIST_BYTES:,} bytes that are read.", looked_at=path
            )
        with path.open("rb") as file:
            encoding = "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        with path.open(encoding=encoding) as lines:
            while line := lines.readline(MAX_TEXT_BYTES):
                number += 1
                yield number, line.removesuffix("\n")
    except FileNotFoundError:
        raise DubberError(
            "The list of clips is missing.",
            looked_at=path,
            hint="Write a CSV file with the columns clip, speaker, text and video (or audio), or set `clips`.",
        ) from None
    except UnicodeError as error:
        raise DubberError(
            f"The list of clips is not in UTF-8: {error}.",
            looked_at=f"{path}, after line {number}",
            hint="Save it as UTF-8.",
        ) from None
    except OSError as error:
        raise DubberError(f"The list of clips cannot be read: {error.strerror}.", looked_at=path) from error


@dataclass(frozen=True)
class _Header:
    """The first line of a list.

    Attributes:
        names: its columns.
        separator: between them.
    """

    names: Sequence[str]
    separator: str
    settings: CorpusSettings

    @classmethod
    def of(cls, first: tuple[int, str], path: Path, settings: CorpusSettings) -> _Header:
        """By the separator with which the line has the columns that are needed.

        Raises:
            DubberError: a column is missing or there twice.
        """
        where, headers = f"{path}, line {first[0]}", []
        for mark in SEPARATORS:
            with suppress(DubberError):
                headers.append(cls([name.strip() for name in _cells(first[1], mark, where)], mark, settings))
        if not headers:
            _cells(first[1], ",", where)
        best = min(headers, key=lambda header: len(header.missing))
        if best.missing:
            best = max(headers, key=lambda header: len(header.names))
            raise DubberError(
                f"The list of clips lacks the columns {', '.join(best.missing)}; "
                f"it has {', '.join(best.names) if first[1].strip() else 'none'}.",
                looked_at=where,
                hint=f"Rename them in the file, or name them in the corpus's `columns`. Columns are separated by "
                f"{', '.join(SEPARATORS.values())}.",
            )
        twice = [name for name in settings.columns.model_dump().values() if best.names.count(name) > 1]
        if twice:
            raise DubberError(f"The list of clips has the column {twice[0]} twice.", looked_at=where)
        return best

    @property
    def missing(self) -> list[str]:
        columns = self.settings.columns
        media = [columns.video] if self.settings.video else [columns.audio, columns.video]
        missing = [name for name in (columns.clip, columns.speaker, columns.text) if name not in self.names]
        return missing if set(media) & set(self.names) else [*missing, " or ".join(media)]

    def clip(self, line: str, where: str) -> Clip:
        """The clip of a line.

        Raises:
            DubberError: the line is not CSV, has too many cells, lacks a name, or holds an unsafe one.
        """
        cells = _cells(line, self.separator, where)
        if any(cell.strip() for cell in cells[len(self.names) :]):
            raise DubberError(
                f"A line of the list of clips has {len(cells)} cells, and the header {len(self.names)}.",
                looked_at=where,
                hint=f"Put a text with {SEPARATORS[self.separator]} in it between double quotes.",
            )
        row = dict(zip(self.names, cells, strict=False))
        columns = self.settings.columns.model_dump()
        found: dict[str, Any] = {name: (row.get(column) or "").strip() or None for name, column in columns.items()}
        found |= {name: _plain(found[name]) for name in PATHS if found[name]}
        self._check(found, columns, where)
        return Clip(**{**found, "text": found["text"] or ""})

    @staticmethod
    def _check(found: Mapping[str, str | None], columns: Mapping[str, str], where: str) -> None:
        for name in ("clip", "speaker"):
            if found[name] is None:
                raise DubberError(
                    f"A line of the list of clips has no {name}.", looked_at=f"{where}, column {columns[name]}"
                )
        for name in ("clip", "speaker", *PATHS):
            value = found[name]
            if value is not None and (reason := unsafe(value, is_path=name in PATHS)):
                what = f"The list of clips names something that is not safe: {value!r} {reason}."
                raise DubberError(what, looked_at=f"{where}, column {columns[name]}")
        if found["split"] not in (None, *SPLITS):
            raise DubberError(
                f"The list of clips puts clip {found['clip']!r} into the split {found['split']!r}.",
                looked_at=f"{where}, column {columns['split']}",
                hint=f"The splits are {', '.join(SPLITS)}.",
            )


def _cells(line: str, separator: str, where: str) -> list[str]:
    """The cells of one line: a quote that is opened is closed in the same line."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise DubberError(
            f"A line of the list of clips is not CSV: {error}.",
            looked_at=where,
            hint="A cell that begins with a double quote ends with one; a quote inside it is written twice.",
        ) from None


def _plain(path: str) -> str:
    """A path without the parts that say nothing: ./a//b.mpg is a/b.mpg."""
    return path if path.startswith("/") else "/".join(part for part in path.split("/") if part not in ("", "."))
