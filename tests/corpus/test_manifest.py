"""The manifest: what is decided stays, what changed is noticed, nothing is read without need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dubber.corpus import listing as module
from dubber.corpus.manifest import Manifest, load_manifest
from dubber.corpus.settings import CorpusSettings
from dubber.errors import DubberError, MissingDataError
from tests.helpers import grid_folder
from tests.helpers.manifests import refresh_manifest

SPLIT = {"test_per_speaker": 6, "val_per_speaker": 2}


def settings(**changes: object) -> CorpusSettings:
    plain = {"reader": "grid", "roots": ("grid",), "shard_size": 16, "split": SPLIT, "instructions": "fetch it so"}
    return CorpusSettings.model_validate(plain | changes)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return grid_folder.make(tmp_path / "grid")


def refresh(root: Path, **changes: object) -> bool:
    return refresh_manifest(root.parent / "m.parquet", settings(**changes), root, data_root=str(root.parent))


def manifest(root: Path, **changes: object) -> Manifest:
    refresh(root, **changes)
    return load_manifest(root.parent / "m.parquet")


def by_clip(found: Manifest, *columns: str) -> dict[str, tuple]:
    return {row["clip"]: tuple(row[column] for column in columns) for row in found.all_rows}


def digests(found: Manifest) -> dict[str, str]:
    return {shard: found.digest(shard) for shard in found.shards}


def test_every_clip_has_a_split_and_a_shard(root):
    found = manifest(root)
    assert len(found.all_rows) == 120
    assert found.shards == [f"{n:04d}" for n in range(8)]
    assert [len(found.rows(shard)) for shard in found.shards] == [16] * 7 + [8]
    for speaker in ("s1", "s2", "s3"):
        own = [row["split"] for row in found.all_rows if row["speaker"] == speaker]
        assert (own.count("test"), own.count("val"), own.count("train")) == (6, 2, 32)
    assert len(found.clips("test")) == 18
    assert {row["clip"] for shard in found.test_shards for row in found.test_rows(shard)} == found.clips("test")


def test_references_are_other_clips_of_the_speaker_and_their_shards_are_known(root):
    found = manifest(root)
    rows = {row["clip"]: row for row in found.all_rows}
    for row in rows.values():
        if row["split"] != "test":
            assert row["reference"] is None
            continue
        assert row["reference"] != row["clip"]
        assert rows[row["reference"]]["speaker"] == row["speaker"]
    for shard in found.test_shards:
        wanted = {rows[row["reference"]]["shard"] for row in found.test_rows(shard)}
        assert found.reference_shards(shard) == sorted(wanted)


def test_an_unchanged_corpus_is_neither_read_nor_written(root, monkeypatch):
    assert refresh(root)
    path = root.parent / "m.parquet"
    before = path.stat().st_mtime_ns

    def read(*_: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr(module, "content_digest", read)
    monkeypatch.setattr(module, "read_table", read)
    assert not refresh(root)
    assert path.stat().st_mtime_ns == before


def test_three_new_clips_change_one_shard_and_no_decision(root):
    old = manifest(root)
    for name in ("bbaf2n", "lgbx9s", "swwz1p"):
        grid_folder.add(root, f"s1/{name}.mpg")
    assert refresh(root)
    new = load_manifest(root.parent / "m.parquet")
    assert len(new.all_rows) == 123
    decided = ("split", "shard", "reference", "digest")
    assert by_clip(old, *decided).items() <= by_clip(new, *decided).items()
    assert {shard for shard in new.shards if digests(new)[shard] != digests(old)[shard]} == {"0007"}


def test_new_clips_open_new_shards_when_the_last_is_full(root):
    old = manifest(root)
    for name in grid_folder.names(20):
        grid_folder.add(root, f"s4/{name}.mpg")
    new = manifest(root)
    assert [len(new.rows(shard)) for shard in new.shards] == [16] * 8 + [12]
    assert {s for s in old.shards if digests(new)[s] != digests(old)[s]} == {"0007"}
    assert (
        sum(row["split"] == "test" for row in new.all_rows if row["speaker"] == "s4") == 4
    )  # a quarter of 20, less val


def test_only_changed_files_are_read_again(root, monkeypatch):
    old = manifest(root)
    changed = root / old.rows("0003")[2]["video"]
    changed.write_bytes(b"another recording")
    read: list[Path] = []

    def digest(path: Path) -> str:
        read.append(path)
        return "new"

    monkeypatch.setattr(module, "content_digest", digest)
    new = manifest(root)
    assert read == [changed]
    assert {shard for shard in new.shards if digests(new)[shard] != digests(old)[shard]} == {"0003"}


def test_a_touched_file_is_looked_at_and_found_the_same(root):
    old = manifest(root)
    os.utime(root / old.all_rows[0]["video"], (1, 1))
    assert refresh(root)
    assert digests(load_manifest(root.parent / "m.parquet")) == digests(old)


def test_a_removed_clip_leaves_the_others_where_they_are(root):
    old = manifest(root)
    reference = old.test_rows(old.test_shards[0])[0]["reference"]
    (root / next(row["video"] for row in old.all_rows if row["clip"] == reference)).unlink()
    new = manifest(root)
    assert reference not in by_clip(new)
    assert {clip: shard for clip, shard in by_clip(old, "shard").items() if clip != reference} == by_clip(new, "shard")
    assert all(row["reference"] in by_clip(new) for row in new.all_rows if row["split"] == "test")


def test_the_same_corpus_gives_the_same_manifest_anywhere(root, tmp_path):
    elsewhere = grid_folder.make(tmp_path / "other" / "grid")
    columns = ("split", "shard", "reference", "digest", "text")
    assert by_clip(manifest(root), *columns) == by_clip(manifest(elsewhere), *columns)


def test_changed_settings_take_effect_on_a_corpus_that_was_listed_before(root, tmp_path):
    manifest(root)
    for changes in ({"split": {"test_per_speaker": 3}}, {"shard_size": 50}, {"limit": {"train": 10, "test": 3}}):
        fresh = grid_folder.make(tmp_path / f"fresh{len(list(tmp_path.iterdir()))}" / "grid")
        columns = ("split", "shard")
        assert by_clip(manifest(root, **changes), *columns) == by_clip(manifest(fresh, **changes), *columns)


def test_a_limited_corpus_keeps_its_clips_when_others_come(root):
    limit = {"train": 10, "val": 2, "test": 3}
    old = manifest(root, limit=limit)
    splits = [row["split"] for row in old.all_rows]
    assert {split: splits.count(split) for split in limit} == limit
    for name in grid_folder.names(30):
        grid_folder.add(root, f"s5/{name}.mpg")
    assert by_clip(manifest(root, limit=limit), "split", "shard", "reference") == by_clip(
        old, "split", "shard", "reference"
    )


def test_a_missing_corpus_says_where_it_was_looked_for_and_how_to_get_it(tmp_path):
    with pytest.raises(MissingDataError) as caught:
        refresh_manifest(
            tmp_path / "m.parquet",
            settings(roots=("grid-mini", "grid")),
            tmp_path / "data" / "grid-mini",
            data_root=str(tmp_path / "data"),
        )
    assert f"{tmp_path}/data/grid-mini, {tmp_path}/data/grid" in str(caught.value)
    assert "fetch it so" in str(caught.value)
    assert not (tmp_path / "m.parquet").exists()


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    (tmp_path / "grid").mkdir()
    with pytest.raises(DubberError, match=r"holds no clips(?s:.)*fetch it so"):
        refresh(tmp_path / "grid")


def test_a_list_of_which_no_clip_is_there_is_a_missing_corpus(tmp_path):
    listed = tmp_path / "clips.csv"
    listed.write_text("speaker,clip,split\ns1,bbaf2n,train\ns1,bbaf3s,test\n")
    (tmp_path / "grid").mkdir()
    with pytest.raises(MissingDataError, match=r"Not one of 2 clips(?s:.)*fetch it so"):
        refresh(tmp_path / "grid", clips=str(listed))


def test_a_listed_clip_that_is_missing_stays_and_is_redone_when_it_comes(tmp_path, caplog):
    listed = tmp_path / "clips.csv"
    listed.write_text("speaker,clip,split\ns1,bbaf2n,train\ns1,bbaf3s,test\n")
    grid_folder.add(tmp_path / "grid", "s1/bbaf2n.mpg")
    old = manifest(tmp_path / "grid", clips=str(listed))
    assert by_clip(old, "split", "video")["s1_bbaf3s"] == ("test", "s1/bbaf3s.mpg")
    assert "1 of 2 clips cannot be found" in caplog.text
    grid_folder.add(tmp_path / "grid", "s1/bbaf3s.mpg")
    assert manifest(tmp_path / "grid", clips=str(listed)).digest("0000") != old.digest("0000")


def test_empty_and_damaged_files_stay_in_the_manifest(root):
    grid_folder.add(root, "s1/bbaf2n.mpg", b"")
    grid_folder.add(root, "s1/swwz1p.mpg", b"\0" * 10)
    assert {"s1_bbaf2n", "s1_swwz1p"} <= set(by_clip(manifest(root)))


def test_a_truncated_manifest_names_the_remedy(root):
    manifest(root)
    path = root.parent / "m.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DubberError, match="Delete it"):
        refresh(root)


@pytest.mark.parametrize("name", ["$(reboot)", "a;b", "a'b", "a b\nc", "caf\udce9", "a\tb", "a`b`"])
def test_hostile_file_names_are_refused(root, name):
    try:
        grid_folder.add(root, f"s1/{name}.mpg")
    except OSError as error:
        pytest.skip(f"this file system does not take the name: {error}")
    with pytest.raises(DubberError, match="not safe"):
        refresh(root)


def test_hostile_names_of_other_files_do_no_harm(root):
    grid_folder.add(root, "s1/notes; it's $HOME caf\udce9.txt")
    assert len(manifest(root).all_rows) == 120


def test_a_split_that_does_not_exist_is_refused(tmp_path):
    listed = tmp_path / "clips.csv"
    listed.write_text("speaker,clip,split\ns1,bbaf2n,dev\n")
    grid_folder.add(tmp_path / "grid", "s1/bbaf2n.mpg")
    with pytest.raises(DubberError, match=r"split 'dev'(?s:.)*train, val, test"):
        refresh(tmp_path / "grid", clips=str(listed))


def test_the_digest_of_a_clip_with_picture_and_sound_apart_covers_both(tmp_path):
    folder = tmp_path / "table"
    for path in ("a.mp4", "a.wav"):
        grid_folder.add(folder, path)
    (folder / "clips.csv").write_text("clip,speaker,text,video,audio\na,x,hello,a.mp4,a.wav\n")
    seen = {manifest(folder, reader="table").digest("0000")}
    for path in ("a.mp4", "a.wav"):
        grid_folder.add(folder, path, b"other")
        seen.add(manifest(folder, reader="table").digest("0000"))
    assert len(seen) == 3
