"""A corpus listed into a file, as the start of a run does it."""

from __future__ import annotations

from pathlib import Path

from dubber.corpus.listing import list_corpus, save_manifest
from dubber.corpus.settings import CorpusSettings


def refresh_manifest(path: Path, settings: CorpusSettings, root: Path, *, data_root: str) -> bool:
    """List a corpus and write what changed; whether something was written."""
    return save_manifest(path, list_corpus(path, settings, root, data_root=data_root))
