"""The manifest: every clip of a corpus with its split, its reference clip and its shard."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dubber import provenance
from dubber.artifacts import field, read_table
from dubber.corpus.settings import Protocol
from dubber.errors import ClipError, DubberError

MANIFEST = pa.schema(
    [
        field("clip", pa.string(), "name, unique in the corpus"),
        field("speaker", pa.string(), "name"),
        field("split", pa.string(), "train, val or test"),
        field("text", pa.string(), "the words that are spoken"),
        field("video", pa.string(), "path in the corpus folder"),
        field("audio", pa.string(), "path in the corpus folder"),
        field("words", pa.string(), "path of the corpus's own word times"),
        field("digest", pa.string(), "identity of the media's content"),
        field("size", pa.int64(), "bytes of media"),
        field("mtime", pa.int64(), "latest modification time of the media, ns"),
        field("shard", pa.string(), "name"),
        field("reference", pa.string(), "another clip of the same speaker, for protocol 2.0"),
    ]
)


class Row(TypedDict):
    """A clip of a manifest, with the columns of `MANIFEST`."""

    clip: str
    speaker: str
    split: str
    text: str
    video: str | None
    audio: str | None
    words: str | None
    digest: str | None
    size: int | None
    mtime: int | None
    shard: str
    reference: str | None


def reference_clip(row: Row, protocol: Protocol) -> str:
    """The clip whose speech is the reference of `row`.

    Raises:
        ClipError: protocol 2.0, and the speaker has no other clip.
    """
    if protocol == "1.0":
        return row["clip"]
    if row["reference"] is None:
        raise ClipError("the speaker has no other clip that could be the reference")
    return row["reference"]


def reference_clips(rows: Iterable[Row], protocol: Protocol) -> set[str]:
    """The clips whose speech is the reference of some of `rows`."""
    found = {row["clip"] if protocol == "1.0" else row["reference"] for row in rows}
    return {clip for clip in found if clip is not None}


IDENTITY = ("clip", "speaker", "split", "text", "video", "audio", "words", "digest", "reference")
STATE = b"dubber.state"


@dataclass(frozen=True)
class Manifest:
    """A corpus as the workflow sees it.

    It stays a table: only the rows that are asked for become Python objects, so that planning a corpus of millions
    costs a look at its columns.

    Attributes:
        table: one row a clip, of the schema `MANIFEST`, the rows of a shard next to each other.
    """

    table: pa.Table

    @property
    def state(self) -> dict[str, Any]:
        """Everything that the manifest was made from: settings, code and the listing of the corpus folder."""
        return json.loads((self.table.schema.metadata or {}).get(STATE, b"{}"))

    @property
    def all_rows(self) -> list[dict[str, Any]]:
        """One mapping a clip."""
        return self.table.to_pylist()

    @cached_property
    def _spans(self) -> dict[str, tuple[int, int]]:
        """Where the rows of each shard begin and end."""
        shards = self.table["shard"].combine_chunks()
        codes = shards.dictionary_encode().indices.to_numpy()
        starts = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist()] if len(codes) else []
        return {shards[start].as_py(): (start, end) for start, end in pairwise([*starts, len(codes)])}

    @cached_property
    def _tests(self) -> pa.Table:
        """Shard, clip and reference of the test clips."""
        columns = self.table.select(["shard", "clip", "reference"])
        return columns.filter(pc.equal(self.table["split"], "test"))

    @cached_property
    def _shard_of_reference(self) -> dict[str, str]:
        wanted = self._tests["reference"].unique().drop_null()
        found = self.table.select(["clip", "shard"]).filter(pc.is_in(self.table["clip"], wanted))
        return dict(zip(*(column.to_pylist() for column in found.columns), strict=True))

    @cached_property
    def _reference_shards(self) -> dict[str, set[str]]:
        """For each shard with test clips, the shards of their references."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._tests.to_pylist():
            if row["reference"] in self._shard_of_reference:
                found[row["shard"]].add(self._shard_of_reference[row["reference"]])
        return found

    @property
    def shards(self) -> list[str]:
        """Names of all shards, in order."""
        return list(self._spans)

    @cached_property
    def test_shards(self) -> list[str]:
        """Shards with at least one test clip.

        Raises:
            DubberError: there is none, so nothing could be dubbed and scored.
        """
        if not len(self._tests):
            clips, speakers = len(self.table), len(self.table["speaker"].unique())
            raise DubberError(
                f"The corpus has no test clip: {clips} clips of {speakers} speakers are too few to hold any out.",
                looked_at=f"clips of the splits: {dict(Counter(self.table['split'].to_pylist()))}",
                hint="At most `split.max_held_out_share` of a speaker's clips is held out. Add clips, raise that "
                "setting, or name the test clips in the column `split` of the list.",
            )
        return sorted(self._tests["shard"].unique().to_pylist())

    def rows(self, shard: str) -> list[Row]:
        """The clips of one shard."""
        return cast(list[Row], self._plain(shard))

    def _plain(self, shard: str) -> list[dict[str, Any]]:
        start, end = self._spans[shard]
        return self.table.slice(start, end - start).to_pylist()

    def test_rows(self, shard: str) -> list[Row]:
        """The test clips of one shard."""
        return [row for row in self.rows(shard) if row["split"] == "test"]

    def every_test(self) -> list[Row]:
        """The test clips of all shards."""
        return [row for shard in self.test_shards for row in self.test_rows(shard)]

    def digest(self, shard: str) -> str:
        """The digest of one shard's clips: the shard is stale when it changes."""
        return provenance.digest([[row[name] for name in IDENTITY] for row in self._plain(shard)])

    def tests_digest(self) -> str:
        """The digest of the test clips, as far as the partners of the control systems follow from them."""
        return provenance.digest([[row["clip"], row["speaker"], row["text"]] for row in self.every_test()])

    def reference_shards(self, shard: str, protocol: Protocol = "2.0") -> list[str]:
        """Shards that hold the reference speech of a shard's test clips."""
        return [shard] if protocol == "1.0" else sorted(self._reference_shards.get(shard, ()))

    def clips(self, split: str) -> set[str]:
        """Names of the clips of one split."""
        return set(self.table["clip"].filter(pc.equal(self.table["split"], split)).to_pylist())


def load_manifest(path: Path | str) -> Manifest:
    """Read a manifest."""
    table = read_table(path)
    shards = table["shard"].to_numpy(zero_copy_only=False)
    if np.any(shards[1:] < shards[:-1]):  # written by someone else
        table = table.sort_by([("shard", "ascending"), ("clip", "ascending")])
    return Manifest(table)


def load_shard(path: Path | str, shard: str) -> list[Row]:
    """The clips of one shard: what a job reads of a manifest. Row groups of other shards are passed over.

    Raises:
        DubberError: the manifest cannot be read, or has no such shard.
    """
    rows = read_table(path, where=pc.field("shard") == shard).to_pylist()
    if not rows:
        raise DubberError(
            f"The manifest has no clips in shard {shard!r}.",
            looked_at=path,
            hint="The corpus has changed since the job was planned: run the same command again.",
        )
    return rows
