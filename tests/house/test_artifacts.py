"""Shard artifacts: whole or absent, and a bad clip costs only itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dubber import artifacts, files
from dubber.errors import ClipError, DubberError

SCHEMA = pa.schema(
    [
        artifacts.field("clip", pa.string(), ""),
        artifacts.field("samples", pa.list_(pa.int16()), "PCM at 16 kHz"),
        artifacts.field("jpegs", pa.list_(pa.binary()), ""),
    ]
)
CLIPS = [{"clip": name} for name in ("a", "b", "c", "d")]


def work(clip):
    if clip["clip"] == "b":
        raise ClipError("no face found")
    return {"samples": np.arange(3, dtype=np.int16), "jpegs": [b"x", b"y"]}


def run(tmp_path, **changes):
    make = changes.pop("work", work)
    arguments = {"step": "crops", "n_clips": len(CLIPS), "max_failed_share": 0.5} | changes
    with artifacts.ShardWriter(tmp_path / "0000.parquet", SCHEMA, **arguments) as shard:
        for clip in CLIPS:
            with shard.clip(clip["clip"]) as row:
                row |= make(clip)
    return shard


def test_a_bad_clip_becomes_a_failure_row(tmp_path):
    shard = run(tmp_path)
    assert (len(shard.rows), len(shard.failures)) == (3, 1)
    rows = list(artifacts.read_rows(tmp_path / "0000.parquet"))
    assert [row["clip"] for row in rows] == ["a", "c", "d"]
    assert rows[0]["samples"].dtype == np.int16
    assert rows[0]["jpegs"] == [b"x", b"y"]
    failures = list(artifacts.read_rows(tmp_path / "0000.failures.parquet"))
    assert failures == [{"clip": "b", "step": "crops", "reason": "no face found"}]


def test_units_survive_in_the_schema(tmp_path):
    run(tmp_path)
    schema = artifacts.read_table(tmp_path / "0000.parquet").schema
    assert schema.field("samples").metadata == {b"unit": b"PCM at 16 kHz"}


def test_an_attempt_makes_a_failure_but_no_row(tmp_path):
    writer = artifacts.ShardWriter(tmp_path / "0000.parquet", SCHEMA, step="dub", n_clips=2, max_failed_share=0.5)
    with writer as shard:
        with shard.attempt("a"):
            raise ClipError("no voice")
        with shard.attempt("b"):
            pass
        with shard.clip("b") as row:
            row["samples"] = np.zeros(1, np.int16)
    assert [row["clip"] for row in artifacts.read_rows(tmp_path / "0000.parquet")] == ["b"]
    assert [row["clip"] for row in artifacts.read_rows(tmp_path / "0000.failures.parquet")] == ["a"]


def test_too_many_failures_stop_the_job_and_leave_no_output(tmp_path):
    with pytest.raises(DubberError, match="1 of 4 clips failed"):
        run(tmp_path, max_failed_share=0.1)
    assert not (tmp_path / "0000.parquet").exists()
    assert (tmp_path / "0000.failures.parquet").exists()


def test_other_errors_are_not_swallowed(tmp_path):
    def broken(clip):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, work=broken)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), files.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_truncated_artifact_is_named(tmp_path):
    run(tmp_path)
    path = tmp_path / "0000.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DubberError, match="cannot be read") as error:
        artifacts.read_table(path)
    assert str(path) in str(error.value)


def test_sliced_batches_keep_their_rows_apart(tmp_path):
    clips = [{"clip": str(i)} for i in range(200)]
    output = tmp_path / "0000.parquet"
    with artifacts.ShardWriter(output, SCHEMA, step="audio", n_clips=200, max_failed_share=0) as shard:
        for clip in clips:
            with shard.clip(clip["clip"]) as row:
                row["samples"] = np.full(int(clip["clip"]) % 5, int(clip["clip"]), dtype=np.int16)
    for i, row in enumerate(artifacts.read_rows(tmp_path / "0000.parquet")):
        assert row["samples"].tolist() == [i] * (i % 5)
        assert row["jpegs"] is None
