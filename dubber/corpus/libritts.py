"""LibriTTS: `<subset>/<speaker>/<chapter>/<utterance>.wav` with `<utterance>.normalized.txt` beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dubber.corpus.clip import Clip, Reader
from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings
from dubber.files import read_limited

BYTES_PER_SECOND = 2 * 24_000  # 16-bit mono at 24 kHz
HEADER = 44


class LibriTTS(Reader):
    """Reader of LibriTTS; utterances outside `lengths` are left out, as in the parent work."""

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        lengths = settings.lengths
        for file in files.values():
            if not file.path.endswith(".wav"):
                continue
            if not lengths.shortest <= (file.size - HEADER) / BYTES_PER_SECOND <= lengths.longest:
                continue
            stem = file.path.removesuffix(".wav")
            transcript = f"{stem}.normalized.txt"
            text = self._spoken(root / transcript) if transcript in files else ""
            if not text or len(text.split()) >= lengths.words:
                utterance = stem.rpartition("/")[2]
                yield Clip(utterance, utterance.partition("_")[0], text, audio=file.path)

    @staticmethod
    def _spoken(transcript: Path) -> str:
        return read_limited(transcript, "A transcript").decode("utf-8", errors="replace").strip()
