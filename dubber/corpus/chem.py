"""The Chem corpus: lecture clips of one speaker, as the dubbing lineage cuts them from Lip2Wav's chemistry course.

Layout: `train.txt`, `val.txt` and `test.txt`, one clip a line as `name|text` or `name|text|speaker`, and the clips as
`video/<name>.mp4`. The lists fix the split (6,082 / 50 / 196 clips in the paper).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dubber.corpus.clip import Clip, Reader
from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings
from dubber.errors import DubberError
from dubber.files import MAX_LIST_BYTES, read_limited

SPEAKER = "chem"
SPLITS = ("train", "val", "test")


class Chem(Reader):
    """Reader of the lineage's lists."""

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        for split in SPLITS:
            yield from self._listed(root / f"{split}.txt", split)

    @staticmethod
    def _listed(path: Path, split: str) -> Iterator[Clip]:
        layout = "It has one clip a line: name|text or name|text|speaker; the clip is video/<name>.mp4."
        if not path.exists():
            raise DubberError("A list of Chem clips is missing.", looked_at=path, hint=layout)
        try:
            lines = read_limited(path, "A list of Chem clips", MAX_LIST_BYTES).decode("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise DubberError(f"A list of Chem clips is not UTF-8: {error}", looked_at=path, hint=layout) from None
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            fields = [field.strip() for field in line.split("|")]
            if len(fields) not in (2, 3) or not all(fields[:2]):
                raise DubberError(f"Line {number} is not name|text or name|text|speaker: {line[:80]!r}", looked_at=path)
            name, text, speaker = (*fields, SPEAKER)[:3]
            yield Clip(name, speaker, text, video=f"video/{name}.mp4", split=split)
