"""The corpora of a plan: looked at, held in memory, written only when a run starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubber.corpus.corpora import Corpora
from dubber.corpus.settings import CorpusSettings
from dubber.errors import ConfigError, MissingDataError
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
    assert len(planned.manifest("mine").shards) == 8
    assert planned.manifest("made").shards == [f"{n:04d}" for n in range(4)]
    assert files(here) == before
    planned.save()
    assert files(here) - before == {here / name for name in written("mine", "made")}
    assert corpora(listed=False).manifest("mine").shards == planned.manifest("mine").shards


def written(*names: str) -> list[str]:
    return ["work", *(path for name in names for path in (f"work/{name}", f"work/{name}/manifest.parquet"))]


def test_only_corpora_that_were_asked_for_are_looked_at(here):
    planned = corpora()
    planned.manifest("made")
    planned.save()
    assert not (here / "work/mine").exists()


def test_an_unchanged_corpus_is_not_written_again(here):
    for _ in range(2):
        planned = corpora()
        digest = planned.manifest("mine").digest("0003")
        planned.save()
    stamp = (here / "work/mine/manifest.parquet").stat().st_mtime_ns
    again = corpora()
    assert again.manifest("mine").digest("0003") == digest
    again.save()
    assert (here / "work/mine/manifest.parquet").stat().st_mtime_ns == stamp


def test_a_plan_sees_new_clips_and_a_job_reads_what_its_run_has_listed(here):
    first = corpora()
    old = first.manifest("mine")
    first.save()
    grid_folder.add(here / "data/grid", "s1/bbaf2n.mpg")
    planned, job = corpora().manifest("mine"), corpora(listed=False).manifest("mine")
    assert {shard for shard in planned.shards if planned.digest(shard) != old.digest(shard)} == {"0007"}
    assert job.digest("0007") == old.digest("0007")


def test_a_job_lists_a_corpus_that_no_run_has_listed(here):
    assert corpora(listed=False).manifest("mine").shards == corpora().manifest("mine").shards


def test_a_missing_or_unknown_corpus_is_an_error(here):
    with pytest.raises(MissingDataError, match="data/speech"):
        corpora().manifest("speech")
    with pytest.raises(ConfigError, match="did you mean 'made'"):
        corpora().manifest("mde")


def test_the_folder_of_a_corpus_is_the_first_that_exists(here):
    assert corpora().root("mine") == Path("data/grid")
    (here / "data/mine").mkdir()
    assert corpora().root("mine") == Path("data/mine")
    assert corpora().root("speech") == Path("data/speech")
    assert corpora().root("made") == Path("work/made/media")


def test_reference_speech_is_in_the_own_shard_in_protocol_1(here):
    found = corpora().manifest("mine")
    shard = found.test_shards[0]
    references = {row["reference"] for row in found.test_rows(shard)}
    assert found.reference_shards(shard, "1.0") == [shard]
    assert found.reference_shards(shard) == sorted({r["shard"] for r in found.all_rows if r["clip"] in references})


def test_the_digest_of_the_test_clips_follows_the_test_clips_alone(here):
    before = corpora().manifest("mine")
    assert {row["clip"] for row in before.every_test()} == before.clips("test")
    grid_folder.add(here / "data/grid", "s9/bbaf2n.mpg")
    after = corpora().manifest("mine")
    assert len(after.all_rows) > len(before.all_rows) and after.clips("test") == before.clips("test")
    assert after.tests_digest() == before.tests_digest()
    (here / "data/grid" / before.every_test()[0]["video"]).unlink()
    assert corpora().manifest("mine").tests_digest() != before.tests_digest()
