"""The GRID corpus: 34 speakers, 1,000 sentences of six words each, spelled by the clip's own name.

A video belongs to the nearest folder above it that is named like a speaker: `<speaker>/<clip>.mpg` as distributed,
`<speaker>/video/mpg_6000/<clip>.mpg` as the large archives unpack, `video/<speaker>/<clip>.mp4`. So do word times:
`align/<speaker>/<clip>.align`, `<speaker>/align/<clip>.align`; those of `align/<clip>.align` serve every speaker who
has a clip of that name.

A sentence can be there in 360x288 and in 720x576. Where a whole folder is large (`mpg_6000`), the small version is used
if there are both. A name that ends in `_hq` is a clip of the same name without it, or, beside that one, a second clip
of the same utterance, unless a list says which clips there are.
"""

from __future__ import annotations

import csv
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from dubber.corpus.clip import Clip, Reader
from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings
from dubber.errors import DubberError
from dubber.files import read_limited

log = logging.getLogger(__name__)

UNITS_PER_SECOND = 25_000  # of the corpus's own word times
TICKS = re.compile(r"[0-9]{1,12}")

SILENCES = ("sil", "sp")
VIDEO_SUFFIXES = (".mpg", ".mp4", ".mpeg", ".avi", ".mov")
SPEAKER = re.compile(r"s\d+")
LARGE, LARGE_FOLDER = "_hq", "mpg_6000"
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
    if len(name) != len(GRAMMAR):
        return None
    if any(letter not in choices for choices, letter in zip(GRAMMAR, name, strict=True)):
        return None
    return " ".join(choices[letter] for choices, letter in zip(GRAMMAR, name, strict=True))


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
        DubberError: the file cannot be read, is too large, or a line is not of this form.
    """
    text = read_limited(path, "A word alignment").decode("utf-8", errors="replace")
    words: list[Word] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3 or not all(map(TICKS.fullmatch, fields[:2])) or int(fields[0]) > int(fields[1]):
            raise DubberError(
                f"Line {number} of a word alignment is not `start end word`: {line[:80]!r}", looked_at=path
            )
        words.append(Word(fields[2], int(fields[0]) / UNITS_PER_SECOND, int(fields[1]) / UNITS_PER_SECOND))
    return words


class Grid(Reader):
    """Reader of GRID."""

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        videos, words = _videos(files), _word_times(files)
        wanted = self._listed(Path(settings.clips)) if settings.clips else ((*key, None) for key in sorted(videos))
        for speaker, name, split in wanted:
            video = videos.get((speaker, name), f"{speaker}/{name}.mpg")
            own_words = words.get((speaker, name)) or words.get(("", name))
            text = sentence(name) or self._spoken(root, own_words)
            clip = Clip(f"{speaker}_{name}", speaker, text, video=video, words=own_words, split=split)
            yield clip
            second = large_version(video)
            if second in files and not settings.clips:
                yield replace(clip, clip=f"{clip.clip}{LARGE}", video=second, same_as=clip.clip)

    @staticmethod
    def _listed(path: Path) -> Iterator[tuple[str, str, str | None]]:
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    yield row["speaker"], row["clip"], row.get("split") or None
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            raise DubberError(
                f"A list of GRID clips cannot be read: {error!r}",
                looked_at=path,
                hint="It is a CSV file with the columns clip, speaker and, if the split is fixed, split.",
            ) from None

    @staticmethod
    def _spoken(root: Path, words: str | None) -> str:
        """The words of a clip whose name is not of the grammar; nothing where they cannot be known."""
        try:
            return " ".join(w.word for w in read_words(root / words) if w.word not in SILENCES) if words else ""
        except DubberError as error:
            log.warning("%s", error)
            return ""


def large_version(video: str) -> str | None:
    """The path of the same utterance in 720x576; None for one that is large itself."""
    stem, dot, suffix = video.rpartition(".")
    return None if stem.endswith(LARGE) else f"{stem}{LARGE}{dot}{suffix}"


def _videos(files: Iterable[str]) -> dict[tuple[str, str], str]:
    """(speaker, clip) -> the video to use."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in files:
        speaker, stem, suffix = _parts(path)
        if suffix in VIDEO_SUFFIXES and speaker:
            found[speaker, stem.removesuffix(LARGE)].append(path)
    return {key: min(paths, key=lambda path: (_is_large(path), path)) for key, paths in found.items()}


def _word_times(files: Iterable[str]) -> dict[tuple[str, str], str]:
    """(speaker, clip) -> word times; the speaker is empty where no folder names one."""
    parts = ((path, *_parts(path)) for path in files)
    return {(speaker, stem.removesuffix(LARGE)): path for path, speaker, stem, suffix in parts if suffix == ".align"}


def _parts(path: str) -> tuple[str, str, str]:
    """The nearest folder that is named like a speaker (or nothing), the file's name without suffix, the suffix."""
    *folders, base = path.split("/")
    stem, dot, suffix = base.rpartition(".")
    return next(filter(SPEAKER.fullmatch, reversed(folders)), ""), stem, dot + suffix.lower()


def _is_large(path: str) -> bool:
    return LARGE_FOLDER in path.split("/") or path.rpartition(".")[0].endswith(LARGE)
