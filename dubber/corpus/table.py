"""Any corpus that a CSV file lists: one row a clip, the column names are settings."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.corpus.clip import Clip
from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings
from dubber.errors import DubberError


class Table:
    """Reads a CSV list in the corpus folder.

    Only clip and speaker must be there in every row; a clip without text or media fails in its own step.
    """

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        path = root / (settings.clips or "clips.csv")
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = csv.DictReader(file)
                self._check(path, rows.fieldnames or [], settings)
                for row in rows:
                    yield self._clip(row, settings, f"{path}, line {rows.line_num}")
        except FileNotFoundError:
            raise DubberError(
                "The list of clips is missing.",
                looked_at=path,
                hint="Write a CSV file with the columns clip, speaker, text and video (or audio), or set `clips`.",
            ) from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise DubberError(f"The list of clips is not CSV in UTF-8: {error}", looked_at=path) from None

    @staticmethod
    def _clip(row: Mapping[str, str | None], settings: CorpusSettings, where: str) -> Clip:
        columns = settings.columns.model_dump()
        found: dict[str, Any] = {name: (row.get(column) or "").strip() or None for name, column in columns.items()}
        for name in ("clip", "speaker"):
            if found[name] is None:
                raise DubberError(f"A row of the list of clips has no {name}.", looked_at=where)
        return Clip(**{**found, "text": found["text"] or ""})

    @staticmethod
    def _check(path: Path, found: Sequence[str], settings: CorpusSettings) -> None:
        columns = settings.columns
        media = [columns.video] if settings.video else [columns.audio, columns.video]
        missing = [name for name in (columns.clip, columns.speaker, columns.text) if name not in found]
        if not set(media) & set(found):
            missing.append(" or ".join(media))
        if missing:
            raise DubberError(
                f"The list of clips lacks the columns {', '.join(missing)}; it has {', '.join(found) or 'none'}.",
                looked_at=path,
                hint="Rename them in the file, or name them in the corpus's `columns`.",
            )
