"""Shards for tests of steps: manifest rows in, a `Shard` out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dubber.artifacts import failures_path, read_table, write_rows
from dubber.corpus.manifest import MANIFEST
from dubber.steps.shard import Shard

NAME = "0000"


def shard_of(rows: Iterable[Mapping[str, Any]], artifact: Path | str, max_failed_share: float = 1.0) -> Shard:
    """A shard with these clips, its manifest beside the artifact; columns that a row lacks are null."""
    artifact = Path(artifact)
    manifest = artifact.parent / f"{artifact.stem}.manifest.parquet"
    write_rows(manifest, [{"shard": NAME, "split": "test", **row} for row in rows], MANIFEST)
    return Shard(manifest, NAME, max_failed_share, artifact)


def counts(artifact: Path | str) -> tuple[int, int]:
    """How many clips of a shard succeeded and failed."""
    return read_table(artifact, ["clip"]).num_rows, read_table(failures_path(artifact), ["clip"]).num_rows
