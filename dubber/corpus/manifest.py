"""The manifest: every clip of a corpus with its split, its reference clip and its shard.

Whatever was once decided stays: a clip keeps its split, its reference and its shard when others are added. New clips
fill the last shard and then open new ones, so adding three clips makes one shard stale.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber import provenance
from dubber.artifacts import field, read_table, write_table
from dubber.corpus.reader import Clip, reader, refuse_hostile
from dubber.corpus.scan import File, content_digest, files_under, listing_digest
from dubber.corpus.settings import CorpusSettings
from dubber.corpus.split import choose_splits, limited
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
        field("size", pa.int64(), "bytes of the media file"),
        field("mtime", pa.int64(), "modification time of the media file, ns"),
        field("shard", pa.string(), "name"),
        field("reference", pa.string(), "another clip of the same speaker, for setting 2.0"),
    ]
)
IDENTITY = ("clip", "speaker", "split", "text", "video", "audio", "words", "digest", "reference")
STATE = b"dubber.state"


@dataclass(frozen=True)
class Manifest:
    """A corpus as the workflow sees it.

    Attributes:
        all_rows: one mapping a clip, with the columns of `MANIFEST`.
    """

    all_rows: list[dict[str, Any]]

    @cached_property
    def _by_shard(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.all_rows:
            found[row["shard"]].append(row)
        return dict(sorted(found.items()))

    @cached_property
    def _shard_of(self) -> dict[str, str]:
        return {row["clip"]: row["shard"] for row in self.all_rows}

    @property
    def shards(self) -> list[str]:
        """Names of all shards, in order."""
        return list(self._by_shard)

    @cached_property
    def test_shards(self) -> list[str]:
        """Shards with at least one test clip."""
        return [shard for shard, rows in self._by_shard.items() if any(row["split"] == "test" for row in rows)]

    def rows(self, shard: str) -> list[dict[str, Any]]:
        """The clips of one shard."""
        return self._by_shard[shard]

    def test_rows(self, shard: str) -> list[dict[str, Any]]:
        """The test clips of one shard."""
        return [row for row in self.rows(shard) if row["split"] == "test"]

    def digest(self, shard: str) -> str:
        """What makes a shard stale."""
        return provenance.digest([[row[name] for name in IDENTITY] for row in self.rows(shard)])

    def reference_shards(self, shard: str) -> list[str]:
        """Shards that hold the reference clips of a shard's test clips."""
        references = {row["reference"] for row in self.rows(shard) if row["split"] == "test"} - {None}
        return sorted({self._shard_of[reference] for reference in references if reference in self._shard_of})

    def clips(self, split: str) -> set[str]:
        """Names of the clips of one split."""
        return {row["clip"] for row in self.all_rows if row["split"] == split}


def load_manifest(path: Path | str) -> Manifest:
    """Read a manifest."""
    return Manifest(read_table(path).to_pylist())


def refresh_manifest(path: Path, settings: CorpusSettings, root: Path, *, data_root: str) -> bool:
    """Bring a manifest up to date; whether it was written anew.

    A corpus folder whose listing (names, sizes, times) is as it was, under the same settings and reader, costs one
    look at the folder.

    Raises:
        MissingDataError: the corpus folder is not there.
        DubberError: the corpus is empty, or names something unsafe.
    """
    made = settings.reader == "demo"
    if not made and not root.is_dir():
        raise _missing(settings, data_root)
    files = [] if made else list(files_under(root))
    state = _state(settings, files)
    previous = _previous(path)
    if previous is not None and previous.state == state:
        return False
    known = {file.path: file for file in files}
    rows = build_manifest(settings, root, known, previous.rows if previous else [])
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    write_table(path, table.replace_schema_metadata({STATE: state.encode()}))
    log.info("%s: %d clips in %d shards", path, len(rows), len({row["shard"] for row in rows}))
    return True


@dataclass(frozen=True)
class _Previous:
    rows: list[dict[str, Any]]
    state: str


def _previous(path: Path) -> _Previous | None:
    if not path.exists():
        return None
    table = read_table(path)
    return _Previous(table.to_pylist(), (table.schema.metadata or {}).get(STATE, b"").decode())


def _state(settings: CorpusSettings, files: Iterable[File]) -> str:
    lists = [name for name in (settings.clips, settings.split.test_list) if name and Path(name).is_file()]
    return json.dumps(
        {
            "settings": provenance.digest(settings.model_dump(mode="json")),
            "code": provenance.code_digest(__file__),
            "lists": [provenance.file_digest(name) for name in lists],
            "listing": listing_digest(files),
        }
    )


def _missing(settings: CorpusSettings, data_root: str) -> MissingDataError:
    looked_at = ", ".join(str(Path(data_root) / root) for root in settings.roots)
    return MissingDataError(
        "A corpus is not there.",
        looked_at=looked_at,
        hint=settings.instructions.strip() or "Put it there, or set data_root to the folder that holds it.",
    )


def build_manifest(
    settings: CorpusSettings, root: Path, files: Mapping[str, File], previous: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """List the clips, and decide for the new ones what is still open: split, shard, reference.

    Args:
        files: what lies under `root`, by path.
        previous: rows of the manifest that is being brought up to date.

    Raises:
        DubberError: no clips, a name that is not safe, or one that stands for two clips.
    """
    before = {row["clip"]: row for row in previous}
    clips = _unique(settings, root)
    splits = choose_splits(clips, {name: row["split"] for name, row in before.items()}, settings.split)
    kept = limited(clips, splits, settings.limit)
    rows = [_row(clip, splits[clip.clip], root, files, before.get(clip.clip)) for clip in kept]
    _assign_shards(rows, before, settings.shard_size)
    _assign_references(rows, before)
    return sorted(rows, key=lambda row: (row["shard"], row["clip"]))


def _unique(settings: CorpusSettings, root: Path) -> list[Clip]:
    clips: dict[str, Clip] = {}
    for clip in reader(settings.reader).find(root, settings):
        refuse_hostile(clip, root)
        if clip.clip in clips:
            raise DubberError(f"Two clips have the name {clip.clip!r}.", looked_at=root)
        clips[clip.clip] = clip
    if not clips:
        raise DubberError(
            f"The corpus folder holds no clips that the reader '{settings.reader}' knows.",
            looked_at=root,
            hint=settings.instructions.strip() or "Check the layout that dubber/corpus/ describes.",
        )
    return list(clips.values())


def _row(clip: Clip, split: str, root: Path, files: Mapping[str, File], before: dict | None) -> dict[str, Any]:
    file = files.get(clip.audio or clip.video or "")
    row = {**asdict(clip), "split": split, "size": file and file.size, "mtime": file and file.mtime}
    if file is None:
        return row
    unchanged = before is not None and (before["size"], before["mtime"]) == (file.size, file.mtime)
    return {**row, "digest": before["digest"] if unchanged else content_digest(root / file.path)}


def _assign_shards(rows: list[dict[str, Any]], before: Mapping[str, dict], size: int) -> None:
    """Old clips stay; new ones fill the last shard, in order of their names, then open further ones."""
    filled: dict[int, int] = defaultdict(int)
    for row in rows:
        if old := before.get(row["clip"]):
            row["shard"] = old["shard"]
    for old in before.values():
        filled[int(old["shard"])] += 1
    current = max(filled, default=0)
    for row in sorted(rows, key=lambda row: row["clip"]):
        if "shard" in row:
            continue
        if filled[current] >= size:
            current += 1
        filled[current] += 1
        row["shard"] = f"{current:04d}"


def _assign_references(rows: list[dict[str, Any]], before: Mapping[str, dict]) -> None:
    """Each test clip gets the next clip of its speaker in a hashed circle, from its own shard where there is one."""
    here = {row["clip"] for row in rows}
    near, far = defaultdict(list), defaultdict(list)
    for row in sorted(rows, key=lambda row: hashlib.blake2b(row["clip"].encode()).digest()):
        near[row["speaker"], row["shard"]].append(row["clip"])
        far[row["speaker"]].append(row["clip"])
    following = _next_in_circle(far) | _next_in_circle(near)
    for row in rows:
        old = before.get(row["clip"], {}).get("reference")
        row["reference"] = (old if old in here else following.get(row["clip"])) if row["split"] == "test" else None


def _next_in_circle(groups: Mapping[Any, list[str]]) -> dict[str, str]:
    return {
        name: names[(i + 1) % len(names)] for names in groups.values() if len(names) > 1 for i, name in enumerate(names)
    }
