"""A clip as its corpus names it, and what every corpus reader does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings
from dubber.errors import DubberError


@dataclass(frozen=True)
class Clip:
    """One clip as its corpus names it. Paths are relative to the corpus folder, with forward slashes.

    Attributes:
        clip: a name that is unique in the corpus.
        speaker: who speaks.
        text: the words; empty where the corpus does not tell, and then the clip fails at alignment.
        video: path of the video, if there is one.
        audio: path of the sound, if it is not in the video.
        words: path of the corpus's own word times, if it has them.
        split: train, val or test where the corpus fixes it.
        digest: identity of the content where there is no file yet (a corpus that is still to be made).
        same_as: another clip of the same utterance; this one shares its split, and is nobody's reference.
    """

    clip: str
    speaker: str
    text: str
    video: str | None = None
    audio: str | None = None
    words: str | None = None
    split: str | None = None
    digest: str | None = None
    same_as: str | None = None


class Reader(Protocol):
    """Finds the clips of one kind of corpus."""

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        """Yield every clip of the corpus; no media file is opened.

        Args:
            root: the corpus folder.
            files: everything in that folder, by path, in order.

        Raises:
            DubberError: a list is missing or cannot be read.
        """
        ...


HOSTILE = frozenset("\"'`$\\|&;<>*?!{}[]")


def unsafe(name: str, *, is_path: bool) -> str | None:
    """Why a name is refused: it leaves the corpus folder, or means something to a shell; None if it is safe."""
    if not name:
        return "is empty"
    if name.startswith(("/", "~")) or ".." in name.split("/"):
        return "leaves the corpus folder"
    if name.startswith("-"):
        return "begins with '-'"
    signs = [sign for sign in dict.fromkeys(name) if sign in HOSTILE or not sign.isprintable()]
    if signs:
        return f"holds {', '.join(map(repr, signs))}"
    return None if is_path or "/" not in name else "holds '/', which only a path may"


def refuse_hostile(clip: Clip, root: Path) -> None:
    """Names that leave the corpus folder or mean something to a shell are refused.

    Raises:
        DubberError: naming the clip and what is wrong with the name.
    """
    for is_path, names in ((True, (clip.video, clip.audio, clip.words)), (False, (clip.clip, clip.speaker))):
        for name in names:
            if name is not None and (reason := unsafe(name, is_path=is_path)):
                raise DubberError(
                    f"The corpus names a clip or a path that is not safe: {name!r} {reason}.",
                    looked_at=root,
                    hint="Names must be relative, stay inside the corpus folder and hold no shell characters.",
                )
