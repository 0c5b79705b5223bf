"""Corpora and the manifest: what is found, how it is split, and that nothing once decided changes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubber.corpus import grid, manifest, split
from dubber.corpus.clip import Clip
from dubber.corpus.demo import clips as demo
from dubber.corpus.scan import files_under
from dubber.corpus.settings import CorpusSettings, DemoSettings, LimitSettings, SplitSettings
from dubber.errors import DubberError, MissingDataError
from tests.helpers.manifests import refresh_manifest


def grid_folder(root: Path, speakers: int = 2, clips: int = 10) -> Path:
    letters = ("blpsblpsbl", "bgrwbgrwbg", "abiwabiwab", "abcdefghij", "z123456789", "anpsanpsan")
    names = ["".join(name) for name in zip(*letters, strict=True)]
    for n in range(1, speakers + 1):
        folder = root / f"s{n}"
        folder.mkdir(parents=True)
        for name in names[:clips]:
            (folder / f"{name}.mpg").write_bytes(f"{n}{name}".encode())
    return root


def find(reader, root: Path, settings: CorpusSettings) -> list[Clip]:
    return list(reader.find(root, {file.path: file for file in files_under(root)}, settings))


def refresh(tmp_path: Path, settings: CorpusSettings, root: Path) -> manifest.Manifest:
    refresh_manifest(tmp_path / "manifest.parquet", settings, root, data_root=str(tmp_path))
    return manifest.load_manifest(tmp_path / "manifest.parquet")


SETTINGS = CorpusSettings(
    reader="grid", roots=("grid",), shard_size=6, split=SplitSettings(test_per_speaker=2, val_per_speaker=1)
)


def test_a_grid_name_is_its_sentence():
    assert grid.sentence("bbaf2n") == "bin blue at F two now"
    assert grid.sentence("swwzzs") == "set white with Z zero soon"
    assert grid.sentence("bbaw2n") is None, "GRID has no letter W"
    assert grid.sentence("lecture") is None


def test_a_copied_corpus_makes_nothing_stale(tmp_path):
    root, path = grid_folder(tmp_path / "grid"), tmp_path / "manifest.parquet"
    refresh(tmp_path, SETTINGS, root)
    os.utime(path, (1000, 1000))
    for clip in root.glob("*/*.mpg"):
        os.utime(clip, (2000, 2000))
    refresh(tmp_path, SETTINGS, root)
    assert path.stat().st_mtime == 1000, "the clips are the same, only their times are new"
    next(root.glob("s1/*.mpg")).write_bytes(b"another take")
    refresh(tmp_path, SETTINGS, root)
    assert path.stat().st_mtime > 1000


@given(st.text(max_size=12))
def test_any_name_is_a_sentence_or_nothing(name):
    said = grid.sentence(name)
    assert said is None or len(said.split()) == 6


def test_word_times_are_read_in_seconds(tmp_path):
    path = tmp_path / "a.align"
    path.write_text("0 14500 sil\n14500 20750 bin\n20750 74500 sil\n")
    assert grid.read_words(path)[1] == grid.Word("bin", 0.58, 0.83)


@given(st.text(max_size=200))
def test_any_alignment_is_read_or_refused(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.align"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            words = grid.read_words(path)
        except DubberError:
            return
        assert all(word.start <= word.end for word in words)


@pytest.mark.parametrize(
    "place", ["align/{c}.align", "align/{s}/{c}.align", "{s}/align/{c}.align", "alignments/{s}/{c}.align"]
)
def test_word_times_are_found_wherever_they_lie(tmp_path, place):
    root = grid_folder(tmp_path / "grid", speakers=1, clips=1)
    path = root / place.format(s="s1", c="bbaaza")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("0 10 sil\n")
    (clip,) = find(grid.Grid(), root, SETTINGS)
    assert clip.words == place.format(s="s1", c="bbaaza")
    assert (clip.clip, clip.video) == ("s1_bbaaza", "s1/bbaaza.mpg")


def test_a_large_version_is_the_clip_or_a_second_clip_of_the_same_utterance(tmp_path):
    root = grid_folder(tmp_path / "grid", speakers=1, clips=1)
    (root / "s1/bbaaza_hq.mpg").touch()
    (root / "s1/lgbb1n_hq.mpg").touch()
    found = {clip.clip: (clip.video, clip.same_as, clip.text) for clip in find(grid.Grid(), root, SETTINGS)}
    assert found == {
        "s1_bbaaza": ("s1/bbaaza.mpg", None, "bin blue at A zero again"),
        "s1_bbaaza_hq": ("s1/bbaaza_hq.mpg", "s1_bbaaza", "bin blue at A zero again"),
        "s1_lgbb1n": ("s1/lgbb1n_hq.mpg", None, "lay green by B one now"),
    }


def test_clips_of_one_utterance_share_their_split_and_are_not_each_others_reference(tmp_path):
    root = grid_folder(tmp_path / "grid", speakers=1, clips=20)
    for path in list((root / "s1").iterdir()):
        path.with_name(f"{path.stem}_hq.mpg").touch()
    rows = {row["clip"]: row for row in refresh(tmp_path, SETTINGS, root).all_rows}
    assert sum(name.endswith("_hq") for name in rows) == len(rows) / 2 > 5
    for name, row in rows.items():
        assert row["split"] == rows[name.removesuffix("_hq")]["split"]
        if row["split"] == "test":
            assert row["reference"].removesuffix("_hq") != name.removesuffix("_hq")


def test_each_speaker_has_its_test_clips_and_its_references(tmp_path):
    found = refresh(tmp_path, SETTINGS, grid_folder(tmp_path / "grid"))
    counts = Counter((row["speaker"], row["split"]) for row in found.all_rows)
    assert counts["s1", "test"] == counts["s2", "test"] == 1, "a quarter of ten clips is held out at most"
    assert counts["s1", "val"] == 1
    speaker = {row["clip"]: row["speaker"] for row in found.all_rows}
    for row in found.all_rows:
        assert (row["reference"] is not None) == (row["split"] == "test")
        if row["reference"]:
            assert row["reference"] != row["clip"]
            assert speaker[row["reference"]] == row["speaker"]


def test_nothing_is_read_again_while_nothing_changes(tmp_path):
    root = grid_folder(tmp_path / "grid")
    refresh(tmp_path, SETTINGS, root)
    again = refresh_manifest(tmp_path / "manifest.parquet", SETTINGS, root, data_root="")
    assert not again


def test_what_was_decided_stays_when_clips_are_added(tmp_path):
    root = grid_folder(tmp_path / "grid")
    before = refresh(tmp_path, SETTINGS, root)
    for name in ("sbbk4p", "sbbl5p", "sbbm6p"):
        (root / f"s1/{name}.mpg").write_bytes(b"new")
    after = refresh(tmp_path, SETTINGS, root)
    kept = {row["clip"]: row for row in after.all_rows}
    for row in before.all_rows:
        assert {**kept[row["clip"]]} == row
    changed = [s for s in before.shards if before.digest(s) != after.digest(s)]
    assert len(changed) + len(set(after.shards) - set(before.shards)) <= 2
    assert all(before.digest(shard) == after.digest(shard) for shard in before.shards[:-1])


def test_an_edited_clip_changes_its_shard_alone(tmp_path):
    root = grid_folder(tmp_path / "grid")
    before = refresh(tmp_path, SETTINGS, root)
    edited = before.rows("0001")[0]
    (root / edited["video"]).write_bytes(b"another content")
    after = refresh(tmp_path, SETTINGS, root)
    assert [s for s in before.shards if before.digest(s) != after.digest(s)] == ["0001"]


def test_a_copy_with_other_file_times_is_the_same_corpus(tmp_path):
    root = grid_folder(tmp_path / "grid")
    before = refresh(tmp_path, SETTINGS, root)
    for path in root.rglob("*.mpg"):
        os.utime(path, (1, 1))
    after = refresh(tmp_path, SETTINGS, root)
    assert [before.digest(s) for s in before.shards] == [after.digest(s) for s in after.shards]


def test_a_published_list_can_be_named(tmp_path):
    root = grid_folder(tmp_path / "grid")
    published = tmp_path / "val.txt"
    published.write_text("s1/s1-bbaaza\ns2/lgbb1n\n")
    settings = SETTINGS.model_copy(update={"split": SplitSettings(test_list=str(published))})
    found = refresh(tmp_path, settings, root)
    assert found.clips("test") == {"s1_bbaaza", "s2_lgbb1n"}


def test_a_list_of_another_corpus_is_refused(tmp_path):
    published = tmp_path / "val.txt"
    published.write_text("p225_001\n")
    with pytest.raises(DubberError, match="names no clip"):
        split.read_test_list(published, [Clip("s1_bbaaza", "s1", "x")])


def test_a_missing_corpus_says_what_to_do(tmp_path):
    settings = SETTINGS.model_copy(update={"instructions": "put it here"})
    with pytest.raises(MissingDataError, match="put it here") as error:
        refresh(tmp_path, settings, tmp_path / "nowhere")
    assert "grid" in str(error.value.looked_at)


@pytest.mark.parametrize("name", ["../escape", "/etc/passwd", "a;rm", "a$(b)", "a\nb", "-rf", "a b`c`"])
def test_names_that_are_not_safe_are_refused(tmp_path, name):
    (tmp_path / "clips.csv").write_text(f'clip,speaker,text,video\nx,s,hello,"{name}"\n')
    settings = CorpusSettings(reader="table", roots=("table",))
    with pytest.raises(DubberError):
        refresh(tmp_path, settings, tmp_path)


def test_a_list_with_other_columns_is_named(tmp_path):
    (tmp_path / "clips.csv").write_text("id,speaker,text,video\nx,s,hello,x.mp4\n")
    with pytest.raises(DubberError, match="lacks the columns clip"):
        refresh(tmp_path, CorpusSettings(reader="table", roots=("table",)), tmp_path)


def test_chem_lists_fix_the_split(tmp_path):
    for name in ("train", "val", "test"):
        (tmp_path / f"{name}.txt").write_text(f"clip_{name}|some words\n")
        (tmp_path / "video").mkdir(exist_ok=True)
        (tmp_path / f"video/clip_{name}.mp4").touch()
    found = refresh(tmp_path, CorpusSettings(reader="chem", roots=("chem",)), tmp_path)
    assert found.clips("test") == {"clip_test"}
    assert found.all_rows[0]["video"].startswith("video/clip_")


def test_libritts_leaves_out_what_is_too_short_or_says_too_little(tmp_path):
    folder = tmp_path / "train-clean-100/19/198"
    folder.mkdir(parents=True)
    for name, seconds, text in (("19_198_1", 3, "four words are enough"), ("19_198_2", 0.5, "four words are enough"),
                                ("19_198_3", 3, "too few")):  # fmt: skip
        (folder / f"{name}.wav").write_bytes(b"\0" * int(44 + 48000 * seconds))
        (folder / f"{name}.normalized.txt").write_text(text)
    found = refresh(tmp_path, CorpusSettings(reader="libritts", roots=("libritts",), video=False), tmp_path)
    assert [row["clip"] for row in found.all_rows] == ["19_198_1"]


def test_a_part_of_a_corpus_is_the_same_part_every_time(tmp_path):
    root = grid_folder(tmp_path / "grid")
    settings = SETTINGS.model_copy(update={"limit": LimitSettings(train=5)})
    first = refresh(tmp_path, settings, root).clips("train")
    (tmp_path / "manifest.parquet").unlink()
    assert len(first) == 5
    assert refresh(tmp_path, settings, root).clips("train") == first


def test_the_demo_corpus_only_grows(tmp_path):
    speaker = demo.SPEAKERS[0]
    few, many = demo.sentences(speaker, 10, 0), demo.sentences(speaker, 30, 0)
    assert many[:10] == few
    assert len(set(many)) == 30
    small = CorpusSettings(reader="demo", demo=DemoSettings(speakers=2, clips_per_speaker=4))
    large = CorpusSettings(reader="demo", demo=DemoSettings(speakers=2, clips_per_speaker=6))
    digests = {clip.clip: clip.digest for clip in find(demo.Demo(), tmp_path, large)}
    assert all(digests[clip.clip] == clip.digest for clip in find(demo.Demo(), tmp_path, small))


@given(st.integers(1, 60), st.integers(0, 30), st.integers(0, 10))
def test_held_out_clips_never_exceed_the_share(clips, test, val):
    listed = [Clip(f"s_{i}", "s", "x") for i in range(clips)]
    settings = SplitSettings(test_per_speaker=test, val_per_speaker=val)
    counts = Counter(split.choose_splits(listed, {}, settings).values())
    assert counts["test"] <= test and counts["val"] <= val
    assert counts["test"] + counts["val"] <= settings.max_held_out_share * clips
