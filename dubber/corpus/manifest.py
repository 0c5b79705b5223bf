"""The manifest: every clip of a corpus with its split, its reference clip and its shard.

What was once decided stays as long as the settings that it followed: a clip keeps its split, its reference and its
shard when others are added. New clips fill the last shard and then open new ones, so adding three clips makes one
shard stale.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dubber import provenance
from dubber.artifacts import field, read_table, write_table
from dubber.corpus.reader import Clip, reader, refuse_hostile
from dubber.corpus.scan import File, content_digest, files_under, listing_digest
from dubber.corpus.settings import CorpusSettings
from dubber.corpus.split import SPLITS, choose_splits, limited
from dubber.errors import DubberError, MissingDataError

log = logging.getLogger(__name__)

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
IDENTITY = ("clip", "speaker", "split", "text", "video", "audio", "words", "digest", "reference")
STATE = b"dubber.state"
ROW_GROUP = 4096  # clips: about a shard, so that a job reads one or two groups


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
        """Shards with at least one test clip."""
        return sorted(self._tests["shard"].unique().to_pylist())

    def rows(self, shard: str) -> list[dict[str, Any]]:
        """The clips of one shard."""
        start, end = self._spans[shard]
        return self.table.slice(start, end - start).to_pylist()

    def test_rows(self, shard: str) -> list[dict[str, Any]]:
        """The test clips of one shard."""
        return [row for row in self.rows(shard) if row["split"] == "test"]

    def digest(self, shard: str) -> str:
        """What makes a shard stale."""
        return provenance.digest([[row[name] for name in IDENTITY] for row in self.rows(shard)])

    def reference_shards(self, shard: str) -> list[str]:
        """Shards that hold the reference clips of a shard's test clips."""
        return sorted(self._reference_shards.get(shard, ()))

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


def load_shard(path: Path | str, shard: str) -> list[dict[str, Any]]:
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


def refresh_manifest(path: Path, settings: CorpusSettings, root: Path, *, data_root: str) -> bool:
    """Bring a manifest up to date; whether it was written anew.

    A corpus folder whose listing (names, sizes, times) is as it was, under the same settings and reader, costs one
    look at the folder. A manifest that says the same as before keeps its own time: a corpus that was copied or mounted
    anew makes nothing stale.

    Raises:
        MissingDataError: the corpus folder, or every clip in it, is not there.
        DubberError: the corpus is empty, or names something unsafe.
    """
    made = settings.reader == "demo"
    if not made and not root.is_dir():
        raise _missing("A corpus is not there.", settings, [Path(data_root) / folder for folder in settings.roots])
    files = {} if made else {file.path: file for file in files_under(root)}
    state = _state(settings, files)
    old_state = _stored_state(path)
    if old_state == state:
        return False
    old = read_table(path) if old_state else MANIFEST.empty_table()
    written = path.stat() if old_state else None
    rows = build_manifest(settings, root, files, _still_decided(old.to_pylist(), old_state, state))
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    write_table(path, table.replace_schema_metadata({STATE: json.dumps(state).encode()}), row_group_size=ROW_GROUP)
    if written and _says_the_same(old, table):
        os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    log.info("%s: %d clips in %d shards", path, len(rows), len({row["shard"] for row in rows}))
    return True


def _says_the_same(old: pa.Table, new: pa.Table) -> bool:
    """Whether all is equal but the times of the media: their content is told by its digest."""
    return set(new.column_names) <= set(old.column_names) and all(
        old[name].equals(new[name]) for name in new.column_names if name != "mtime"
    )


def _state(settings: CorpusSettings, files: Mapping[str, File]) -> dict[str, Any]:
    """All that a manifest follows from."""
    plain = settings.model_dump(mode="json", exclude={"licence"})
    lists = [name for name in (settings.clips, settings.split.test_list) if name and Path(name).is_file()]
    return {
        "split": plain.pop("split"),
        "limit": plain.pop("limit"),
        "shard_size": plain.pop("shard_size"),
        "settings": provenance.digest(plain),
        "code": provenance.code_digest(__file__),
        "lists": [provenance.file_digest(name) for name in lists],
        "listing": listing_digest(files.values()),
    }


def _stored_state(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return json.loads((pq.read_schema(path).metadata or {}).get(STATE, b"{}"))
    except (pa.ArrowInvalid, json.JSONDecodeError) as error:
        raise DubberError(
            f"A manifest cannot be read: {error}", looked_at=path, hint="Delete it; the next run lists the corpus anew."
        ) from error


def _still_decided(rows: list[dict[str, Any]], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """An earlier manifest without the decisions whose settings have changed."""
    void = set()
    if any(old.get(name) != new[name] for name in ("split", "lists")):
        void |= {"split"}
    if old.get("limit") != new["limit"]:
        void |= {"kept"}
    if old.get("shard_size") != new["shard_size"]:
        void |= {"shard"}
    return [{"kept": True, **row} | dict.fromkeys(void) for row in rows]


def _missing(what: str, settings: CorpusSettings, looked_at: list[Path]) -> MissingDataError:
    return MissingDataError(
        what,
        looked_at=", ".join(map(str, looked_at)),
        hint=settings.instructions.strip() or "Put it there, or set data_root to the folder that holds it.",
    )


def build_manifest(
    settings: CorpusSettings, root: Path, files: Mapping[str, File], previous: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """List the clips, and decide for the new ones what is still open: split, shard, reference.

    Args:
        files: what lies under `root`, by path.
        previous: rows of the manifest that is being brought up to date; a null is a decision to be taken again.

    Raises:
        MissingDataError: not one clip of a list is there.
        DubberError: no clips, a name that is not safe, or one that stands for two clips.
    """
    before = {row["clip"]: row for row in previous}
    clips = _clips(settings, root, files)
    splits = choose_splits(clips, {n: row["split"] for n, row in before.items() if row["split"]}, settings.split)
    kept = limited(clips, splits, settings.limit, {n for n, row in before.items() if row["kept"]})
    rows = [_row(clip, splits[clip.clip], root, files, before.get(clip.clip)) for clip in kept]
    absent = [row["clip"] for row in rows if row["digest"] is None]
    if len(absent) == len(rows):
        raise _missing(f"Not one of {len(rows)} clips can be found and read.", settings, [root])
    if absent:
        log.warning("%s: %d of %d clips cannot be found or read, first %s", root, len(absent), len(rows), absent[0])
    _assign_shards(rows, before, settings.shard_size)
    _assign_references(rows, before)
    return sorted(rows, key=lambda row: (row["shard"], row["clip"]))


def _clips(settings: CorpusSettings, root: Path, files: Mapping[str, File]) -> list[Clip]:
    """The reader's clips, checked."""
    clips: dict[str, Clip] = {}
    for clip in reader(settings.reader).find(root, files, settings):
        refuse_hostile(clip, root)
        if clip.clip in clips:
            raise DubberError(f"Two clips have the name {clip.clip!r}.", looked_at=root)
        if clip.split not in (None, *SPLITS):
            raise DubberError(
                f"The corpus puts clip {clip.clip!r} into the split {clip.split!r}.",
                looked_at=root,
                hint=f"The splits are {', '.join(SPLITS)}.",
            )
        clips[clip.clip] = clip
    if not clips:
        raise DubberError(
            f"The corpus folder holds no clips that the reader '{settings.reader}' knows.",
            looked_at=root,
            hint=settings.instructions.strip() or "Check the layout that dubber/corpus/ describes.",
        )
    return list(clips.values())


def _row(clip: Clip, split: str, root: Path, files: Mapping[str, File], before: dict | None) -> dict[str, Any]:
    media = [files[path] for path in (clip.video, clip.audio) if path in files]
    row = {**asdict(clip), "split": split, "size": None, "mtime": None}
    if not media:
        return row
    row |= {"size": sum(file.size for file in media), "mtime": max(file.mtime for file in media)}
    unchanged = before is not None and all(before[name] == row[name] for name in ("video", "audio", "size", "mtime"))
    if unchanged and before["digest"]:
        return {**row, "digest": before["digest"]}
    try:
        return {**row, "digest": "-".join(content_digest(root / file.path) for file in media)}
    except OSError as error:
        log.warning("%s: %s", clip.clip, error)
        return row


def _assign_shards(rows: list[dict[str, Any]], before: Mapping[str, dict], size: int) -> None:
    """Old clips stay; new ones fill the last shard, in order of their names, then open further ones."""
    filled: dict[int, int] = defaultdict(int)
    for row in rows:
        row["shard"] = before.get(row["clip"], {}).get("shard")
        if row["shard"]:
            filled[int(row["shard"])] += 1
    current = max(filled, default=0)
    for row in sorted((row for row in rows if row["shard"] is None), key=lambda row: row["clip"]):
        if filled[current] >= size:
            current += 1
        filled[current] += 1
        row["shard"] = f"{current:04d}"


def _assign_references(rows: list[dict[str, Any]], before: Mapping[str, dict]) -> None:
    """Each test clip gets the next clip of its speaker in a hashed circle, from its own shard where there is one."""
    here = {row["clip"] for row in rows}
    near, far = defaultdict(list), defaultdict(list)
    for row in sorted(rows, key=lambda row: hashlib.blake2b(row["clip"].encode()).digest()):
        if not row["same_as"]:
            near[row["speaker"], row["shard"]].append(row["clip"])
            far[row["speaker"]].append(row["clip"])
    following = _next_in_circle(far) | _next_in_circle(near)
    for row in rows:
        old = before.get(row["clip"], {}).get("reference")
        new = following.get(row["same_as"] or row["clip"])
        row["reference"] = (old if old in here else new) if row["split"] == "test" else None


def _next_in_circle(groups: Mapping[Any, list[str]]) -> dict[str, str]:
    return {
        name: names[(i + 1) % len(names)] for names in groups.values() if len(names) > 1 for i, name in enumerate(names)
    }
