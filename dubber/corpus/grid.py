"""The GRID corpus: 34 speakers, 1,000 sentences of six words each, spelled by the clip's own name.

Layouts that are found: `<speaker>/<clip>.mpg` (as distributed; also one folder deeper, as some archives unpack) and
`video/<speaker>/<clip>.mp4`; word times in `align/<clip>.align`, `align/<speaker>/<clip>.align`, `<speaker>/align/` or
`alignments/<speaker>/`. A name ending in `_hq` is the 720x576 version of the same sentence; it is used where the
360x288 version is missing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from dubber.corpus.reader import Clip
from dubber.corpus.scan import files_under
from dubber.corpus.settings import CorpusSettings
from dubber.errors import DubberError

UNITS_PER_SECOND = 25_000  # of the corpus's own word times

VIDEO_SUFFIXES = (".mpg", ".mp4", ".mpeg", ".avi", ".mov")
SPEAKER = re.compile(r"s\d{1,2}")
GRAMMAR = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter.upper() for letter in "abcdefghijklmnopqrstuvxyz"},
    dict(
        zip("z123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


def sentence(name: str) -> str | None:
    """`bbaf2n` -> `bin blue at F two now`; None where the name is not of the grammar.

    The letter is a capital, or the letter A would be read as the article.
    """
    letters = name.removesuffix("_hq")
    if len(letters) != len(GRAMMAR):
        return None
    words = [choices.get(letter) for choices, letter in zip(GRAMMAR, letters, strict=True)]
    return None if None in words else " ".join(words)


def every_sentence() -> list[str]:
    """All names that the grammar allows, in order."""
    return ["".join(letters) for letters in product(*GRAMMAR)]


@dataclass(frozen=True)
class Word:
    """A word of the corpus's own alignment; times in seconds."""

    word: str
    start: float
    end: float


def read_words(path: Path) -> list[Word]:
    """Read an `.align` file: start, end (1/25,000 s), word; silences are `sil` and `sp`.

    Raises:
        DubberError: a line is not of this form, or times run backwards.
    """
    words: list[Word] = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3 or not (fields[0].isdigit() and fields[1].isdigit()) or int(fields[0]) > int(fields[1]):
            raise DubberError(
                f"Line {number} of a word alignment is not `start end word`: {line[:80]!r}", looked_at=path
            )
        words.append(Word(fields[2], int(fields[0]) / UNITS_PER_SECOND, int(fields[1]) / UNITS_PER_SECOND))
    return words


class Grid:
    """Reader of GRID."""

    def find(self, root: Path, settings: CorpusSettings) -> Iterator[Clip]:
        videos, words = self._index(root)
        if settings.clips is None:
            wanted = ((speaker, name, None) for speaker, name in sorted(videos))
        else:
            wanted = self._listed(Path(settings.clips))
        for speaker, name, split in wanted:
            video = videos.get((speaker, name), f"{speaker}/{name}.mpg")
            own_words = words.get((speaker, name)) or words.get(("", name))
            text = sentence(name) or self._spoken(root, own_words)
            yield Clip(f"{speaker}_{name}", speaker, text, video=video, words=own_words, split=split)

    @staticmethod
    def _index(root: Path) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
        """(speaker, clip) -> path, for videos and for word times; ("", clip) where no folder names the speaker."""
        videos: dict[tuple[str, str], str] = {}
        words: dict[tuple[str, str], str] = {}
        for file in files_under(root):
            folder, _, base = file.path.rpartition("/")
            stem, dot, suffix = base.rpartition(".")
            name = stem.removesuffix("_hq")
            speaker = next((part for part in reversed(folder.split("/")) if SPEAKER.fullmatch(part)), "")
            if dot + suffix.lower() in VIDEO_SUFFIXES and speaker:
                if name == stem or (speaker, name) not in videos:
                    videos[speaker, name] = file.path
            elif suffix.lower() == "align":
                words[speaker, name] = file.path
        return videos, words

    @staticmethod
    def _listed(path: Path) -> Iterator[tuple[str, str, str | None]]:
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    yield row["speaker"], row["clip"], row.get("split") or None
        except (FileNotFoundError, KeyError) as error:
            raise DubberError(
                f"A list of GRID clips cannot be read: {error!r}",
                looked_at=path,
                hint="It is a CSV file with the columns clip, speaker and, if the split is fixed, split.",
            ) from None

    @staticmethod
    def _spoken(root: Path, words: str | None) -> str:
        if words is None:
            return ""
        return " ".join(w.word for w in read_words(root / words) if w.word not in ("sil", "sp"))
