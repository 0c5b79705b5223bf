"""Listing a corpus into its manifest.

Decisions are kept while the settings behind them stay the same: a clip keeps its split, its reference and its shard
when other clips are added. New clips fill the last shard and then open further ones, so three more clips make one
shard stale.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dubber import provenance
from dubber.artifacts import read_table, write_table
from dubber.corpus.clip import Clip, refuse_hostile
from dubber.corpus.manifest import MANIFEST, STATE, Manifest, load_manifest
from dubber.corpus.reader import reader
from dubber.corpus.scan import File, content_digest, files_under, listing_digest
from dubber.corpus.settings import CorpusSettings
from dubber.corpus.split import SPLITS, choose_splits, limited
from dubber.errors import DubberError, MissingDataError
from dubber.files import file_digest

log = logging.getLogger(__name__)

ROW_GROUP = 4096  # clips: about a shard, so that a job reads one or two groups


def list_corpus(stored: Path, settings: CorpusSettings, root: Path, *, data_root: str) -> Manifest:
    """The manifest of the corpus as it is now, with the decisions of the one in the file `stored`; nothing is written.

    A corpus folder whose listing (names, sizes, times) is unchanged, under the same settings and reader, costs one
    look at the folder.

    Raises:
        MissingDataError: the corpus folder, or every clip in it, is missing.
        DubberError: the corpus is empty, or a name in it is unsafe.
    """
    made = settings.reader == "demo"
    if not made and not root.is_dir():
        raise _missing("A corpus is missing.", settings, [Path(data_root) / folder for folder in settings.roots])
    files = {} if made else {file.path: file for file in files_under(root)}
    state = _state(settings, files)
    before = stored_state(stored)
    if before == state:
        return load_manifest(stored)
    previous = read_table(stored).to_pylist() if before else []
    rows = build_manifest(settings, root, files, _still_decided(previous, before, state))
    log.info("%s: %d clips in %d shards", root, len(rows), len({row["shard"] for row in rows}))
    table = pa.Table.from_pylist(rows, schema=MANIFEST)
    return Manifest(table.replace_schema_metadata({STATE: json.dumps(state).encode()}))


def save_manifest(path: Path, manifest: Manifest) -> bool:
    """Write a manifest whose state differs from the stored one; whether it was written.

    The file keeps its time where only the times of the media differ: a corpus that was copied makes nothing stale.
    """
    before = stored_state(path)
    if before == manifest.state:
        return False
    same = bool(before) and _says_the_same(read_table(path), manifest.table)
    written = path.stat() if same else None
    write_table(path, manifest.table, row_group_size=ROW_GROUP)
    if written:
        os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    return True


def stored_state(path: Path) -> dict[str, Any]:
    """What the manifest in a file was made from; empty where there is no file.

    Raises:
        DubberError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        return json.loads((pq.read_schema(path).metadata or {}).get(STATE, b"{}"))
    except (pa.ArrowInvalid, json.JSONDecodeError) as error:
        raise DubberError(
            f"A manifest cannot be read: {error}",
            looked_at=path,
            hint="Delete it; the next run lists the corpus again.",
        ) from error


def _says_the_same(old: pa.Table, new: pa.Table) -> bool:
    """Whether everything but the times of the media is equal; digests identify their content."""
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
        "lists": [file_digest(name) for name in lists],
        "listing": listing_digest(files.values()),
    }


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
        files: everything under `root`, by path.
        previous: rows of the manifest that is being brought up to date; a null is a decision to be taken again.

    Raises:
        MissingDataError: not one clip of a list is there.
        DubberError: no clips, an unsafe name, or one name for two clips.
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
    media = [files[path] for path in (clip.video, clip.audio) if path and path in files]
    row = {**asdict(clip), "split": split, "size": None, "mtime": None}
    if not media:
        return row
    row |= {"size": sum(file.size for file in media), "mtime": max(file.mtime for file in media)}
    if before and before["digest"] and all(before[name] == row[name] for name in ("video", "audio", "size", "mtime")):
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
