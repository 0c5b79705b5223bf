"""Shard artifacts: Parquet tables with one row per clip, written atomically, failures beside them.

Every step of the workflow turns one shard of clips into `work/<corpus>/<step>/<shard>.parquet` and
`<shard>.failures.parquet`. A clip that raises `ClipError` becomes a row of the latter.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dubber.errors import ClipError, DamagedArtifact, DubberError
from dubber.files import atomic_path
from dubber.progress import Progress

log = logging.getLogger(__name__)

FAILURES = pa.schema([pa.field("clip", pa.string()), pa.field("step", pa.string()), pa.field("reason", pa.string())])


def field(name: str, type_: pa.DataType, unit: str) -> pa.Field:
    """A column with its unit (and its shape, in the letters of the documentation) in the metadata."""
    return pa.field(name, type_, metadata={"unit": unit})


def write_table(path: Path | str, table: pa.Table, row_group_size: int | None = None) -> None:
    """Write `table` to `path` so that the file is whole or absent."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=row_group_size)


def write_rows(path: Path | str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write `rows` (missing keys become nulls) under `schema`."""
    columns = [_column([row.get(f.name) for row in rows], f.type) for f in schema]
    write_table(path, pa.Table.from_arrays(columns, schema=schema))


def _column(values: list, type_: pa.DataType) -> pa.Array:
    return pa.array(values, type=type_, from_pandas=False)


def read_table(path: Path | str, columns: Sequence[str] | None = None, where: pc.Expression | None = None) -> pa.Table:
    """Read a shard, memory-mapped; only the rows for which `where` holds, if it is given.

    Raises:
        DamagedArtifact: the file is truncated or lacks a column.
        DubberError: the file is missing, or the disk fails.
    """
    try:
        return pq.read_table(path, columns=list(columns) if columns else None, filters=where, memory_map=True)
    except FileNotFoundError:
        raise DubberError(
            "An artifact is missing.", looked_at=path, hint="Run the Snakemake target that makes it."
        ) from None
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        kind = DubberError if getattr(error, "errno", None) else DamagedArtifact
        raise kind(
            f"An artifact cannot be read: {error}",
            looked_at=path,
            hint="Delete the file and run the same command again; it will be made again.",
        ) from error


def read_rows(path: Path | str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a shard one at a time; numeric lists come as numpy arrays.

    Only numeric list columns are converted; lists of strings or bytes come as Python lists.
    """
    table = read_table(path, columns)
    for batch in table.to_batches(max_chunksize=64):
        getters = {name: _getter(batch.column(i)) for i, name in enumerate(batch.schema.names)}
        for i in range(batch.num_rows):
            yield {name: get(i) for name, get in getters.items()}


def _getter(column: pa.Array) -> Callable[[int], Any]:
    kind = column.type
    if pa.types.is_list(kind) and (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return lambda i: None if not column[i].is_valid else column[i].values.to_numpy(zero_copy_only=False)
    return lambda i: column[i].as_py()


def failures_path(artifact: Path | str) -> Path:
    """`<shard>.parquet` -> `<shard>.failures.parquet`."""
    return Path(artifact).with_suffix(".failures.parquet")


class ShardWriter:
    """Collects the rows of one shard and writes them, with its failures beside them, when the block ends well.

    A `ClipError` inside the per-clip block becomes a failure row, and the loop continues:

        with ShardWriter(artifact, FEATURES, step="features", n_clips=len(clips), max_failed_share=0.2) as shard:
            for clip in clips:
                with shard.clip(clip.name) as row:
                    row |= {...}

    Args:
        artifact: the Parquet file.
        schema: of its rows; the column `clip` is filled in.
        step: the name that failure rows carry.
        n_clips: how many clips are expected, for the progress in the log.
        max_failed_share: the share of failed clips (0..1) above which the whole shard is an error.

    Raises:
        DubberError: at the end, more than `max_failed_share` of the clips failed. The failures are written first.
    """

    def __init__(
        self, artifact: Path | str, schema: pa.Schema, *, step: str, n_clips: int, max_failed_share: float
    ) -> None:
        self.artifact, self.schema, self.step, self.max_failed_share = Path(artifact), schema, step, max_failed_share
        self.rows: list[dict[str, Any]] = []
        self.failures: list[dict[str, str]] = []
        self._progress = Progress(step, n_clips)

    def __enter__(self) -> Self:
        return self

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Work on a clip that makes no row yet: a `ClipError` becomes its failure."""
        try:
            yield
        except ClipError as error:
            self.failures.append({"clip": name, "step": self.step, "reason": error.what})
            log.warning("%s: clip %s failed: %s", self.step, name, error.what)
            self._progress.advance()

    @contextmanager
    def clip(self, name: str) -> Iterator[dict[str, Any]]:
        """The row of one clip, to be filled in; its name is filled in here."""
        row: dict[str, Any] = {}
        with self.attempt(name):
            yield row
            self.rows.append({**row, "clip": name})
            self._progress.advance()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            return
        write_rows(failures_path(self.artifact), self.failures, FAILURES)
        seen = len(self.rows) + len(self.failures)
        if self.failures and len(self.failures) > self.max_failed_share * seen:
            first = self.failures[0]
            raise DubberError(
                f"{self.step}: {len(self.failures)} of {seen} clips failed, more than the allowed share of "
                f"{self.max_failed_share}.",
                looked_at=failures_path(self.artifact),
                hint="Read the reasons in that file. If they are expected, raise `max_failed_share` in the "
                f"configuration. First: {first['clip']}: {first['reason']}",
            )
        write_rows(self.artifact, self.rows, self.schema)
