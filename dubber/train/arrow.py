"""The clips of a run in one uncompressed Arrow file, which is mapped into memory instead of read.

The artifacts are compressed and hold one step each; training wants every part of sixty-four clips at once, in any
order. So they are joined once, shard by shard, and never held in memory as a whole: what a batch touches is read, every
process of a machine shares it, and opening costs what names and lengths cost.

Shapes: N phonemes, F video frames, T speech tokens, S speaker width.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dubber import artifacts
from dubber.artifacts import read_table
from dubber.errors import DubberError, writing_told
from dubber.files import atomic_path
from dubber.progress import Progress

log = logging.getLogger(__name__)

FORMAT = 1  # of the file; one of another format is made again
LISTS = {
    "ids": artifacts.field("ids", pa.list_(pa.int16()), "codes [6*T row-major]"),
    "speaker": artifacts.field("speaker", pa.list_(pa.float32()), "[S]"),
    "phonemes": artifacts.field("phonemes", pa.list_(pa.int16()), "[N] ids"),
    "token_durations": artifacts.field("token_durations", pa.list_(pa.int16()), "[N] speech tokens, sum T"),
    "frame_durations": artifacts.field("frame_durations", pa.list_(pa.int16()), "[N] video frames, sum F"),
    "lips": artifacts.field("lips", pa.list_(pa.float16()), "[F, features row-major]"),
    "faces": artifacts.field("faces", pa.list_(pa.float16()), "[F, features row-major]"),
}
SUMMARIES = ("tokens", "frames", "highest_id", "highest_phoneme")
VIDEO = ("frame_durations", "lips", "faces")
STEPS = {"tokens": ("ids", "speaker"), "durations": ("phonemes", "token_durations"), "features": ("lips", "faces")}


def schema(video: bool) -> pa.Schema:
    """Columns of the file: clip name, split, the arrays, and values that allow checks without reading the arrays."""
    lists = [column for name, column in LISTS.items() if video or name not in VIDEO]
    numbers = [pa.field(name, pa.int32()) for name in SUMMARIES]
    return pa.schema([pa.field("clip", pa.string()), pa.field("split", pa.string()), *lists, *numbers])


def pack(
    output: Path | str,
    splits: Mapping[str, Iterable[str]],
    *,
    tokens: Sequence[Path | str],
    durations: Sequence[Path | str],
    features: Sequence[Path | str] = (),
) -> None:
    """Join the artifacts of all shards, of the clips that have all of them; the file is whole or absent.

    Args:
        splits: split -> names of its clips.
        tokens, durations, features: the same shards in the same order; `features` for stage 2.

    Raises:
        DubberError: the lists are not of the same shards, or the file cannot be written.
    """
    steps = {"tokens": tokens, "durations": durations, **({"features": features} if features else {})}
    _same_shards(steps)
    split_of = {clip: split for split, clips in splits.items() for clip in clips}
    columns, progress, packed = schema(bool(features)), Progress("data", len(tokens)), 0
    with (
        writing_told("The data for training", output),
        atomic_path(output) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, columns) as writer,
    ):
        for paths in zip(*steps.values(), strict=True):
            rows = _join(dict(zip(steps, paths, strict=True)), split_of, columns)
            packed += len(rows)
            writer.write(rows)
            progress.advance()
    log.info("data: %d clips in %s; %d lack an artifact", packed, output, len(split_of) - packed)


def _same_shards(steps: Mapping[str, Sequence[Path | str]]) -> None:
    names = {step: [Path(path).stem for path in paths] for step, paths in steps.items()}
    if len({tuple(found) for found in names.values()}) > 1:
        raise DubberError(
            "The artifacts are not of the same shards.",
            looked_at=", ".join(f"{step}: {len(found)} shards" for step, found in names.items()),
            hint="Run the Snakemake target that trains, which asks for all of them.",
        )


def _join(paths: Mapping[str, Path | str], split_of: Mapping[str, str], columns: pa.Schema) -> pa.RecordBatch:
    """One shard: the clips of a split that every step has, in the order of the tokens."""
    wanted: dict[str, tuple[str, ...]] = {step: STEPS[step] for step in paths}
    if "features" in paths:
        wanted["durations"] += ("frame_durations",)
    tables = {step: read_table(path, ["clip", *wanted[step]]).combine_chunks() for step, path in paths.items()}
    whole = [_complete(table) for table in tables.values()]
    clips = [clip for clip in whole[0] if clip in split_of and all(clip in found for found in whole[1:])]
    rows = dict(zip(tables, ([found[clip] for clip in clips] for found in whole), strict=True))
    lists: dict[str, pa.ChunkedArray] = {}
    for step, table in tables.items():
        lists |= {name: table.column(name).take(pa.array(rows[step], pa.int64())) for name in wanted[step]}
    known = {"clip": clips, "split": [split_of[clip] for clip in clips], **_summaries(lists)}
    arrays = [_array(lists.get(column.name, known.get(column.name)), column.type) for column in columns]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def _complete(table: pa.Table) -> dict[str, int]:
    """Clip -> row, of the rows without a null."""
    valid = np.logical_and.reduce([column.is_valid().to_numpy() for column in table.columns])
    return {clip: row for row, clip in enumerate(table.column("clip").to_pylist()) if valid[row]}


def _summaries(lists: Mapping[str, pa.ChunkedArray]) -> dict[str, list[int]]:
    numbers = {
        name: Numbers([_array(lists[name], LISTS[name].type)]) for name in lists if name not in ("lips", "faces")
    }
    rows = range(len(numbers["ids"].lengths))
    frames = numbers.get("frame_durations")
    return {
        "tokens": [int(numbers["token_durations"][row].sum()) for row in rows],
        "frames": [int(frames[row].sum()) if frames else 0 for row in rows],
        "highest_id": [int(numbers["ids"][row].max(initial=0)) for row in rows],
        "highest_phoneme": [int(numbers["phonemes"][row].max(initial=0)) for row in rows],
    }


def _array(values: pa.ChunkedArray | list, type_: pa.DataType) -> pa.Array:
    if isinstance(values, list):
        return pa.array(values, type_)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], type_)


class Numbers:
    """One list of numbers per row, each a view of the file.

    Attributes:
        lengths: int64 [rows], of each list.
    """

    def __init__(self, chunks: Sequence[pa.ListArray]) -> None:
        self._offsets = [chunk.offsets.to_numpy() for chunk in chunks]
        self._values = [chunk.values.to_numpy() for chunk in chunks]
        self._starts = np.cumsum([0, *map(len, chunks)])
        self.lengths = np.concatenate([np.diff(offsets) for offsets in self._offsets] or [[]]).astype(np.int64)

    def __getitem__(self, row: int) -> np.ndarray:
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        start, end = self._offsets[chunk][row - self._starts[chunk] :][:2]
        return self._values[chunk][start:end]


@dataclass(frozen=True)
class Packed:
    """A file of clips, opened.

    Attributes:
        clips: names, one a row.
        lists: column -> its lists.
        summaries: column -> int32 [rows].
    """

    clips: pa.ChunkedArray = field(repr=False)
    splits: pa.ChunkedArray = field(repr=False)
    lists: Mapping[str, Numbers] = field(repr=False)
    summaries: Mapping[str, np.ndarray] = field(repr=False)

    def rows(self, split: str) -> np.ndarray:
        """Rows of a split's clips, int64 [clips], sorted by name."""
        rows = np.flatnonzero(pc.equal(self.splits, split).to_numpy())
        return rows[pc.array_sort_indices(self.clips.take(pa.array(rows)).combine_chunks()).to_numpy()]

    def names(self, rows: Iterable[int]) -> tuple[str, ...]:
        """Names of the clips in some rows."""
        return tuple(self.clips[int(row)].as_py() for row in rows)


def open_packed(path: Path | str) -> Packed:
    """Map a file of clips into memory; nothing but names and lengths is read.

    Raises:
        DubberError: it is not one.
    """
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        lists = {name: Numbers(table.column(name).chunks) for name in table.schema.names if name in LISTS}
        summaries = {name: table.column(name).to_numpy() for name in SUMMARIES}
        return Packed(table.column("clip"), table.column("split"), lists, summaries)
    except (OSError, KeyError, pa.ArrowInvalid) as error:
        raise DubberError(
            f"The data for training cannot be read: {error}",
            looked_at=path,
            hint="Delete the file and run the same command again; it will be made again.",
        ) from error
