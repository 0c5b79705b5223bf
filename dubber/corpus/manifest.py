"""The manifest: every clip of a corpus with its split, its reference clip and its shard.

What was once decided stays as long as the settings that it followed: a clip keeps its split, its reference and its
shard when others are added. New clips fill the last shard and then open new ones, so adding three clips makes one
shard stale.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
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
    previous = _still_decided(read_table(path).to_pylist(), old_state, state) if old_state else []
    rows = build_manifest(settings, root, files, previous)
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    write_table(path, table.replace_schema_metadata({STATE: json.dumps(state).encode()}))
    log.info("%s: %d clips in %d shards", path, len(rows), len({row["shard"] for row in rows}))
    return True


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
