"""Rule `manifest`: a corpus's clips, texts, splits and shards."""

from __future__ import annotations

from pathlib import Path

from dubber.corpus.listing import list_corpus, save_manifest
from dubber.corpus.settings import CorpusSettings
from dubber.runner import Output


def manifest(settings: CorpusSettings, root: Path, data_root: str, artifact: Output) -> None:
    """List the corpus; clips that are listed already keep their split, reference and shard.

    Args:
        settings: the corpus.
        root: its folder.
        data_root: the folder that should hold it, for messages.
        artifact: the manifest.
    """
    save_manifest(artifact, list_corpus(artifact, settings, root, data_root=data_root))
