"""Rule `durations`: whole frames and tokens of a shard, with video and without."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from dubber.align.settings import AlignSettings
from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.steps.durations import durations
from dubber.steps.phone_rows import PHONES, phone_row
from dubber.text.phonemes import phonemise, to_ids
from tests.align.test_durations import aligned
from tests.helpers.shards import counts, shard_of


@pytest.fixture
def shard(tmp_path):
    clips = {"a": "sil:0.5 R:0.6 EH:0.8 D:1.0 sil:3", "b": "sil:0.5 R:0.6 EH:0.8 D:1.0 sil:2.93", "silent": "sil:3"}
    write_rows(
        tmp_path / "phones.parquet", [{"clip": c, **phone_row(aligned(text))} for c, text in clips.items()], PHONES
    )
    crops = pa.schema([("clip", pa.string()), ("n_frames", pa.int32())])
    frames = {"a": 75, "b": 73, "silent": 75}
    write_rows(
        tmp_path / "crops.parquet",
        [{"clip": c, "n_frames": n} for c, n in frames.items()],
        crops,
    )
    audio = pa.schema([("clip", pa.string()), ("samples", pa.list_(pa.int16()))])
    write_rows(
        tmp_path / "audio.parquet", [{"clip": c, "samples": [0] * (48000 if c == "a" else 46900)} for c in clips], audio
    )
    return tmp_path


ROWS = [{"clip": clip, "text": "Red."} for clip in ("a", "b", "silent", "failed before")]


def test_a_video_shard(shard):
    output = shard / "durations.parquet"
    files = (shard / "phones.parquet", shard / "audio.parquet", shard / "crops.parquet")
    durations(shard_of(ROWS, output, 0.5), *files, AlignSettings())
    assert counts(output) == (2, 1)
    a, b = read_rows(output)
    assert a["phonemes"].tolist() == to_ids(phonemise("Red.").phonemes)
    assert a["frame_durations"].tolist() == [13, 2, 5, 5, 50]
    assert a["token_durations"].tolist() == [40, 8, 16, 16, 160]
    assert b["frame_durations"].sum() == 73 and b["token_durations"].sum() == round(73 * 16 / 5)
    assert [row["clip"] for row in read_rows(failures_path(output))] == ["silent"]


def test_an_audio_shard_has_no_frames(shard):
    output = shard / "durations.parquet"
    files = (shard / "phones.parquet", shard / "audio.parquet", None)
    durations(shard_of(ROWS, output, 0.5), *files, AlignSettings())
    rows = {row["clip"]: row for row in read_rows(output)}
    assert set(rows) == {"a", "b"}
    assert rows["a"]["frame_durations"] is None
    assert rows["a"]["token_durations"].sum() == 240
    assert rows["b"]["token_durations"].sum() == round(46900 / 200)


def test_the_matrix_step_does_not_reach_the_aligner():
    code = "import sys, dubber.steps.durations; sys.exit('pocketsphinx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
