"""The file that training reads: what it holds, what it costs to open, and what it is worth when a disk is full."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dubber.artifacts import read_rows
from dubber.errors import DubberError
from dubber.train.arrow import open_packed, pack, schema
from dubber.train.batches import read_splits
from tests.resume.tiny_run import SPLITS, make_corpus, run_folder, shards, train

LIBRITTS = 350_000  # clips
SHARD = 256

OPEN = """
import json, resource, sys, time
from dubber.model.settings import ModelSettings
from dubber.train.batches import open_data
from dubber.train.sampler import LengthBuckets
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
start, before = time.process_time(), resident()
data = open_data(sys.argv[1], ModelSettings(), 1600)
batch = data.train.batch(LengthBuckets(data.train.lengths, 16, 0).batch(0))
seconds = time.process_time() - start
video = sorted({"av", "cv2", "librosa", "soundfile"} & set(sys.modules))
print(json.dumps([len(data.train), len(batch.clips), seconds, (resident() - before) / 2**20, video]))
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    make_corpus(tmp_path)
    return tmp_path


def pack_corpus(folder: Path, **changes) -> Path:
    path = folder / "data.arrow"
    files = {name: shards(folder, name) for name in ("tokens", "durations", "features")} | changes
    pack(path, asdict(read_splits([folder / "manifest.parquet"])), **files)
    return path


def write_libritts(path: Path) -> None:
    """As many clips as LibriTTS has, of minute length: opening must not depend on what it does not read."""
    columns = schema(video=False)
    lists = {"ids": [0] * 24, "speaker": [0.5] * 256, "phonemes": [1, 2, 3], "token_durations": [1, 2, 1]}
    row = {"split": "train", "tokens": 4, "frames": 0, "highest_id": 0, "highest_phoneme": 3, **lists}
    fixed = {name: pa.array([row[name]] * SHARD, columns.field(name).type) for name in columns.names if name in row}
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, columns) as writer:
        for start in range(0, LIBRITTS, SHARD):
            names = pa.array([f"{start % 2311:04d}_{start + i:06d}_000001_000000" for i in range(SHARD)])
            arrays = [names if name == "clip" else fixed[name] for name in columns.names]
            writer.write(pa.RecordBatch.from_arrays(arrays, schema=columns))


def test_as_many_clips_as_libritts_has_open_in_two_seconds_and_half_a_gigabyte(tmp_path):
    write_libritts(tmp_path / "data.arrow")
    command = [sys.executable, "-c", OPEN, tmp_path / "data.arrow"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    clips, batch, seconds, megabytes, video = found  # its own seconds: the machine may have other work
    assert (clips, batch) == (LIBRITTS + -LIBRITTS % SHARD, 16)
    assert seconds < 2 and megabytes < 500, f"{seconds:.2f} s, {megabytes:.0f} MB"
    assert video == [], "training decodes no media"


def test_every_row_is_what_the_artifacts_hold(corpus):
    packed = open_packed(pack_corpus(corpus))
    rows = np.concatenate([packed.rows("train"), packed.rows("val")])
    assert len(rows) == SPLITS["train"] + SPLITS["val"]
    for step, columns in {"tokens": ("ids", "speaker"), "features": ("lips", "faces")}.items():
        stored = {row["clip"]: row for path in shards(corpus, step) for row in read_rows(path)}
        for row, clip in zip(rows, packed.names(rows), strict=True):
            for name in columns:
                np.testing.assert_array_equal(packed.lists[name][row], stored[clip][name])
                assert packed.lists[name].lengths[row] == len(stored[clip][name])


def test_lists_are_read_where_they_lie(corpus):
    lists = open_packed(pack_corpus(corpus)).lists
    assert all(not numbers[row].flags.owndata for numbers in lists.values() for row in range(3))


def test_the_same_artifacts_make_the_same_file(corpus):
    assert pack_corpus(corpus).read_bytes() == pack_corpus(corpus).read_bytes()


def test_artifacts_of_other_shards_are_refused(corpus):
    with pytest.raises(DubberError, match="not of the same shards"):
        pack_corpus(corpus, durations=shards(corpus, "durations")[:1])


def test_a_full_disk_leaves_nothing_and_says_so(corpus):
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited[1]))
    try:
        with pytest.raises(DubberError, match="Make room"):
            pack_corpus(corpus)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert not list(corpus.glob("*.arrow*")) and not list(corpus.glob(".*tmp"))


def test_a_file_that_is_none_is_named(tmp_path):
    (tmp_path / "data.arrow").write_bytes(b"no arrow")
    with pytest.raises(DubberError, match=r"data\.arrow"):
        open_packed(tmp_path / "data.arrow")


def test_runs_on_the_same_data_share_one_file(corpus):
    for run, lr in (("one", 1e-3), ("two", 2e-3)):
        assert run_folder(train(corpus, run=run, steps=1, lr=lr)).exists()
    assert len(list((corpus / "runs" / "data").glob("*.arrow"))) == 1
