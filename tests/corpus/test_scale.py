"""The benchmark of planning: what it simulates is a corpus, and what it counts is there."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from benchmarks.dag import count_files, count_jobs, grid_names, growth, libritts_names, line, simulate, weigh
from dubber.corpus.grid import sentence
from dubber.corpus.listing import ROW_GROUP
from dubber.corpus.manifest import load_manifest, load_shard
from dubber.corpus.settings import CorpusSettings
from tests.helpers.manifests import refresh_manifest

PLAN = """
rule align:
    input: a.parquet
    output: work/a/0000.parquet, work/a/0000.failures.parquet

    output: results/grid_table.csv
Job stats:
job      count
-----  -------
align        1
table        1
total        2
"""


def test_jobs_and_files_are_counted():
    assert (count_jobs(PLAN), count_files(PLAN)) == (2, 3)


def test_growth_and_line():
    clips = [10, 100, 200]
    assert growth(clips, [1.0, 100.0, 400.0]) == pytest.approx(2)
    assert line(clips, [0.0, 103.0, 203.0]) == pytest.approx((3, 1))


def test_names_are_of_the_corpora():
    assert all(sentence(name) for _, name in grid_names(100))
    assert len(set(grid_names(1000))) == 1000
    assert len(set(libritts_names(1000))) == 1000


def test_simulated_corpora_are_listed_and_read_by_shard(tmp_path):
    simulate(tmp_path / "data", 66, 250)
    for reader, clips in (("grid", 66), ("libritts", 250)):
        settings = CorpusSettings(reader=reader, roots=(reader,), shard_size=30)
        path = tmp_path / "work" / reader / "manifest.parquet"
        refresh_manifest(path, settings, tmp_path / "data" / reader, data_root="data")
        manifest = load_manifest(path)
        assert sum(len(load_shard(path, shard)) for shard in manifest.shards) == clips
        assert load_shard(path, "0001") == manifest.rows("0001")
        assert pq.ParquetFile(path).metadata.row_group(0).num_rows <= ROW_GROUP
    weights = weigh(tmp_path)
    assert weights.empty, "no step has run"
