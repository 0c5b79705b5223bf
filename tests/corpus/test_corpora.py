"""The corpora of a plan: looked at, held in memory, written only when a run starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubber.corpus.corpora import Corpora
from dubber.corpus.settings import CorpusSettings
from dubber.errors import MissingDataError
from tests.helpers import grid_folder

SETTINGS = {
    "mine": CorpusSettings(reader="grid", roots=("mine", "grid"), shard_size=16),
    "speech": CorpusSettings(reader="libritts", roots=("speech",), video=False),
    "made": CorpusSettings(reader="demo", shard_size=24),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one corpus on disk."""
    monkeypatch.chdir(tmp_path)
    grid_folder.make(tmp_path / "data/grid")
    return tmp_path


def corpora(**changes) -> Corpora:
    return Corpora(SETTINGS, "data", **changes)


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_plan_writes_nothing_and_a_run_writes_what_was_planned(here):
    before = files(here)
    planned = corpora()
    assert len(planned.shards("mine")) == 8
    assert planned.shards("made") == [f"{n:04d}" for n in range(4)]
    assert files(here) == before
    planned.save()
    assert files(here) - before == {here / name for name in written("mine", "made")}
    assert corpora(listed=False).shards("mine") == planned.shards("mine")


def written(*names: str) -> list[str]:
    return ["work", *(path for name in names for path in (f"work/{name}", f"work/{name}/manifest.parquet"))]


def test_only_corpora_that_were_asked_for_are_looked_at(here):
    planned = corpora()
    planned.shards("made")
    planned.save()
    assert not (here / "work/mine").exists()


def test_an_unchanged_corpus_is_not_written_again(here):
    for _ in range(2):
        planned = corpora()
        digest = planned.digest("mine", "0003")
        planned.save()
    stamp = (here / "work/mine/manifest.parquet").stat().st_mtime_ns
    again = corpora()
    assert again.digest("mine", "0003") == digest
    again.save()
    assert (here / "work/mine/manifest.parquet").stat().st_mtime_ns == stamp


def test_a_plan_sees_new_clips_and_a_job_reads_what_its_run_has_listed(here):
    first = corpora()
    first.shards("mine")
    first.save()
    grid_folder.add(here / "data/grid", "s1/bbaf2n.mpg")
    planned, job = corpora(), corpora(listed=False)
    assert planned.digest("mine", "0007") != first.digest("mine", "0007") == job.digest("mine", "0007")
    assert {s for s in planned.shards("mine") if planned.digest("mine", s) != first.digest("mine", s)} == {"0007"}


def test_a_job_lists_a_corpus_that_no_run_has_listed(here):
    assert corpora(listed=False).shards("mine") == corpora().shards("mine")


def test_a_missing_corpus_is_an_error_unless_it_is_optional(here, caplog):
    with pytest.raises(MissingDataError, match="data/speech"):
        corpora().shards("speech")
    planned = corpora(optional={"speech"})
    assert planned.shards("speech") == planned.test_shards("speech") == []
    assert "planned without the clips of 'speech'" in caplog.text
    planned.save()


def test_the_folder_of_a_corpus_is_the_first_that_exists(here):
    assert corpora().root("mine") == Path("data/grid")
    (here / "data/mine").mkdir()
    assert corpora().root("mine") == Path("data/mine")
    assert corpora().root("speech") == Path("data/speech")
    assert corpora().root("made") == Path("work/made/media")


def test_reference_speech_is_in_the_own_shard_in_protocol_1(here):
    planned = corpora()
    shard = planned.test_shards("mine")[0]
    assert planned.reference_shards("mine", shard, "1.0") == [shard]
    assert planned.reference_shards("mine", shard, "2.0") == planned.manifest("mine").reference_shards(shard)


def test_the_digest_of_the_test_clips_follows_the_test_clips_alone(here):
    before, clips = corpora().tests_digest("mine"), corpora().manifest("mine").clips("test")
    for name in ("bbaf2n", "lgbx9s", "swwz1p"):
        grid_folder.add(here / "data/grid", f"s9/{name}.mpg")
    after = corpora()
    assert (after.tests_digest("mine") == before) == (after.manifest("mine").clips("test") == clips)
