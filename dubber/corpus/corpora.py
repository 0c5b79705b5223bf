"""The corpora of a plan: where they are, and their manifests, held in memory until a run starts.

This is the only part of planning that touches data.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dubber.corpus.listing import list_corpus, save_manifest
from dubber.corpus.manifest import Manifest, load_manifest
from dubber.corpus.settings import CorpusSettings
from dubber.errors import ConfigError
from dubber.settings import unknown_key

log = logging.getLogger(__name__)

WORK = Path("work")


@dataclass
class Corpora:
    """The configured corpora; each is looked at when it is first asked for.

    Attributes:
        settings: every corpus by name.
        data_root: the folder that holds the corpora.
        listed: whether a corpus is listed again. A job reads what its run has listed.
    """

    settings: Mapping[str, CorpusSettings]
    data_root: str
    listed: bool = True
    _manifests: dict[str, Manifest] = field(default_factory=dict)

    def is_made(self, corpus: str) -> bool:
        """Whether the workflow renders this corpus itself."""
        return self.settings[corpus].reader == "demo"

    def root(self, corpus: str) -> Path:
        """The folder that the manifest's paths are relative to: the first of the settings' folders that exists."""
        if self.is_made(corpus):
            return WORK / corpus / "media"
        candidates = [Path(self.data_root) / folder for folder in self.settings[corpus].roots]
        return next((path for path in candidates if path.is_dir()), candidates[0])

    @staticmethod
    def path(corpus: str) -> Path:
        """The manifest's file."""
        return WORK / corpus / "manifest.parquet"

    def manifest(self, corpus: str) -> Manifest:
        """The corpus as it is now.

        Raises:
            ConfigError: there is no such corpus.
            MissingDataError: its folder is missing.
            DubberError: it cannot be listed.
        """
        if corpus not in self.settings:
            raise ConfigError(f"There is no such corpus: {unknown_key(corpus, list(self.settings))}")
        if corpus not in self._manifests:
            self._manifests[corpus] = self._read(corpus, self.path(corpus))
        return self._manifests[corpus]

    def _read(self, corpus: str, path: Path) -> Manifest:
        if not self.listed and path.exists():
            return load_manifest(path)
        return list_corpus(path, self.settings[corpus], self.root(corpus), data_root=self.data_root)

    def save(self) -> None:
        """Write the manifests that were asked for and whose corpus has changed."""
        for corpus, manifest in self._manifests.items():
            if save_manifest(self.path(corpus), manifest):
                log.info("%s lists %d clips", self.path(corpus), len(manifest.table))
