"""The configured corpora as the workflow plans with them: folders, shards, and what makes a shard stale.

The only part of planning that touches data. Nothing is written before `save`: a plan holds the manifests in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dubber import provenance
from dubber.corpus.listing import list_corpus, save_manifest
from dubber.corpus.manifest import Manifest, Row, load_manifest
from dubber.corpus.settings import CorpusSettings
from dubber.errors import MissingDataError

log = logging.getLogger(__name__)

WORK = Path("work")


@dataclass
class Corpora:
    """The manifests of the corpora that are asked for.

    Attributes:
        settings: every configured corpus by name.
        data_root: the folder that holds the corpora.
        listed: whether a corpus is listed again when it is first asked for. A job reads what its run has listed.
        optional: corpora that may be missing; they then have no shards, and a warning says so.
    """

    settings: Mapping[str, CorpusSettings]
    data_root: str
    listed: bool = True
    optional: Collection[str] = ()
    _manifests: dict[str, Manifest | None] = field(default_factory=dict)

    def root(self, corpus: str) -> Path:
        """The folder that the manifest's paths are relative to."""
        if self.is_made(corpus):
            return WORK / corpus / "media"
        candidates = [Path(self.data_root) / folder for folder in self.settings[corpus].roots]
        return next((path for path in candidates if path.is_dir()), candidates[0])

    def is_made(self, corpus: str) -> bool:
        """Whether the workflow renders this corpus itself."""
        return self.settings[corpus].reader == "demo"

    @staticmethod
    def path(corpus: str) -> Path:
        """The manifest's file."""
        return WORK / corpus / "manifest.parquet"

    def manifest(self, corpus: str) -> Manifest | None:
        """The corpus as it is now; None for an optional corpus that is missing.

        Raises:
            MissingDataError: the corpus is missing.
            DubberError: it cannot be listed.
        """
        if corpus not in self._manifests:
            self._manifests[corpus] = self._find(corpus)
        return self._manifests[corpus]

    def _find(self, corpus: str) -> Manifest | None:
        path = self.path(corpus)
        if not self.listed and path.exists():
            return load_manifest(path)
        try:
            return list_corpus(path, self.settings[corpus], self.root(corpus), data_root=self.data_root)
        except MissingDataError as error:
            if corpus not in self.optional:
                raise
            log.warning("planned without the clips of '%s':\n%s", corpus, error)
            return None

    def save(self) -> None:
        """Write the manifests that were asked for and whose corpus has changed."""
        for corpus, manifest in self._manifests.items():
            if manifest and save_manifest(self.path(corpus), manifest):
                log.info("%s lists %d clips", self.path(corpus), len(manifest.table))

    def shards(self, corpus: str) -> list[str]:
        """Names of all shards of a corpus."""
        manifest = self.manifest(corpus)
        return manifest.shards if manifest else []

    def test_shards(self, corpus: str) -> list[str]:
        """Shards that hold at least one test clip."""
        manifest = self.manifest(corpus)
        return manifest.test_shards if manifest else []

    def reference_shards(self, corpus: str, shard: str, protocol: str) -> list[str]:
        """Shards that hold the reference speech of a shard's test clips."""
        manifest = self.manifest(corpus)
        return manifest.reference_shards(shard) if manifest and protocol == "2.0" else [shard]

    def clips(self, corpus: str, shard: str) -> list[Row]:
        """The manifest rows of one shard."""
        manifest = self.manifest(corpus)
        return manifest.rows(shard) if manifest else []

    def digest(self, corpus: str, shard: str) -> str:
        """The digest of one shard's manifest rows: the shard is stale when it changes."""
        manifest = self.manifest(corpus)
        return manifest.digest(shard) if manifest else ""

    def tests_digest(self, corpus: str) -> str:
        """The digest of all test clips, from which the partners of the control systems follow."""
        manifest = self.manifest(corpus)
        tests = [row for shard in manifest.test_shards for row in manifest.test_rows(shard)] if manifest else []
        return provenance.digest([[row[key] for key in ("clip", "speaker", "text")] for row in tests])
