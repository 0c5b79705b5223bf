"""What most steps are given: a shard of a corpus, and where its artifact goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import ShardWriter
from dubber.corpus.manifest import Row, load_shard
from dubber.errors import ClipError
from dubber.runner import Output, Wildcard


@dataclass(frozen=True)
class Shard:
    """A shard of clips and its artifact.

    Attributes:
        manifest: of the corpus.
        shard: its name in the manifest.
        max_failed_share: the share of clips (0..1) that may fail.
        artifact: the Parquet file to write.
    """

    manifest: Path
    shard: Wildcard
    max_failed_share: float
    artifact: Output

    def rows(self) -> list[Row]:
        """The shard's clips, in the order of the manifest."""
        return load_shard(self.manifest, self.shard)

    def tests(self) -> list[Row]:
        """The shard's test clips."""
        return [row for row in self.rows() if row["split"] == "test"]

    def writer(self, schema: pa.Schema, step: str, clips: Iterable[object]) -> ShardWriter:
        """The artifact's writer, for a loop over `clips`."""
        n_clips = sum(1 for _ in clips)
        return ShardWriter(self.artifact, schema, step=step, n_clips=n_clips, max_failed_share=self.max_failed_share)


def by_clip(rows: Iterable[Mapping[str, Any]], clips: Iterable[Mapping[str, Any]] | set[str]) -> dict[str, Any]:
    """Rows of an artifact by clip, only those of `clips` (names or manifest rows)."""
    names = clips if isinstance(clips, set) else {row["clip"] for row in clips}
    return {row["clip"]: row for row in rows if row["clip"] in names}


def require(clip: str, found: Mapping[str, Any], what: str) -> Any:
    """What an earlier step made of a clip.

    Raises:
        ClipError: it made nothing. The clip failed there, so it fails here and is counted.
    """
    if clip not in found:
        raise ClipError(f"there are no {what} of this clip: an earlier step failed on it")
    return found[clip]
