"""Scoring a shard: every test clip has its rows, failed ones say why, the protocol decides the reference."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from dubber.artifacts import FAILURES, failures_path, read_rows, write_rows
from dubber.metrics.base import Metric, Score
from dubber.metrics.settings import MetricSettings, PitchSettings, RtfSettings, WerSettings
from dubber.steps.score import Heard, score
from tests.helpers.shards import shard_of

AUDIO = pa.schema([("clip", pa.string()), ("samples", pa.list_(pa.int16())), ("source_rate", pa.int32())])
DUBS = pa.schema(
    [
        ("clip", pa.string()),
        ("samples", pa.list_(pa.int16())),
        ("n_tokens", pa.int32()),
        ("seconds", pa.float32()),
        ("nfe", pa.int32()),
    ]
)
TEXT = "bin blue at f two now"
ROWS = [{"clip": name, "text": TEXT, "reference": "other"} for name in ("good", "silent", "missing", "unrecorded")]


def buzz(f0: float, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(int(seconds * 16000)) / 16000
    return (6000 * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 10))).astype(np.int16)


@pytest.fixture
def shard(tmp_path):
    """Four clips: dubbed, dubbed with silence, failed, and one whose own recording is broken."""
    recorded = [{"clip": name, "samples": buzz(120)} for name in ("good", "silent", "missing")]
    write_rows(tmp_path / "audio.parquet", recorded, AUDIO)
    write_rows(tmp_path / "others.parquet", [{"clip": "other", "samples": buzz(200)}], AUDIO)
    dubs = [
        {"clip": "good", "samples": buzz(120), "seconds": 0.5},
        {"clip": "silent", "samples": np.zeros(16000, np.int16), "seconds": 0.5},
        {"clip": "unrecorded", "samples": buzz(120), "seconds": 0.5},
        {"clip": "a training clip", "samples": buzz(120), "seconds": 0.5},
    ]
    write_rows(tmp_path / "dubs.parquet", dubs, DUBS)
    failed = [{"clip": "missing", "step": "dub", "reason": "no face"}]
    write_rows(failures_path(tmp_path / "dubs.parquet"), failed, FAILURES)
    return tmp_path


def scored(shard, metrics, protocol="1.0", crops=None) -> dict[tuple[str, str], dict]:
    output = shard / "scores.parquet"
    clips = shard_of(ROWS, output)
    heard = Heard(
        protocol, shard / "dubs.parquet", shard / "audio.parquet", (shard / "others.parquet",), crops or shard / "none"
    )
    score(clips.manifest, clips.shard, heard, tuple(metrics), None, output)
    return {(row["clip"], row["metric"]): row for row in read_rows(output)}


def test_every_clip_has_a_row_per_column(shard):
    scores = scored(shard, [WerSettings(), PitchSettings()])
    assert set(scores) == {(row["clip"], column) for row in ROWS for column in ("WER", "GPE", "VDE", "FFE")}
    assert {key[1]: row["backend"] for key, row in scores.items()} == {
        "WER": "pocketsphinx:grid",
        "GPE": "world:dio",
        "VDE": "world:dio",
        "FFE": "world:dio",
    }


def test_failures_keep_their_reason_and_lose_every_word(shard):
    scores = scored(shard, [WerSettings(), PitchSettings()])
    for clip, reason in (("missing", "no output: no face"), ("silent", "empty output")):
        assert (scores[clip, "WER"]["value"], scores[clip, "WER"]["weight"]) == (100.0, 6)
        assert scores[clip, "FFE"]["value"] is None
        assert scores[clip, "WER"]["reason"] == scores[clip, "FFE"]["reason"] == reason


def test_a_broken_recording_is_nobodys_error(shard):
    scores = scored(shard, [WerSettings(), PitchSettings()])
    assert scores["unrecorded", "WER"]["value"] is None
    assert scores["unrecorded", "WER"]["reason"] == "no recording of unrecorded"


def test_the_clips_own_audio_is_a_perfect_dub(shard):
    scores = scored(shard, [PitchSettings()])
    assert [scores["good", column]["value"] for column in ("GPE", "VDE", "FFE")] == [0, 0, 0]
    assert scores["good", "GPE"]["reason"] is None


class Reference(Metric):
    """The strongest frequency of the reference speech, to see which one a setting uses."""

    columns = ("reference",)
    backend = "test"

    def score(self, sample):
        return [Score("reference", float(np.argmax(np.abs(np.fft.rfft(sample.reference)))))]


class Looks(Metric):
    """How many face and lip crops it is shown."""

    columns = ("faces", "lips")
    backend = "test"

    def score(self, sample):
        return [Score(name, len(getattr(sample, name) or [])) for name in self.columns]


@pytest.mark.parametrize("images", [(), ("faces",), ("lips",), ("faces", "lips")])
def test_only_the_crops_that_a_metric_asks_for_are_read(shard, monkeypatch, images):
    crops = pa.schema([("clip", pa.string()), *((name, pa.list_(pa.binary())) for name in images)])
    row = {"faces": [b"a", b"b"], "lips": [b"c", b"d", b"e"]}
    write_rows(shard / "crops.parquet", [{"clip": "good", **{name: row[name] for name in images}}], crops)
    metric = Looks()
    metric.images = images
    monkeypatch.setattr("dubber.steps.score.build_metric", lambda settings, **_: metric)
    scores = scored(shard, [RtfSettings()], crops=shard / "crops.parquet")
    assert scores["good", "faces"]["value"] == (2 if "faces" in images else 0)
    assert scores["good", "lips"]["value"] == (3 if "lips" in images else 0)


@pytest.mark.parametrize(("protocol", "f0"), [("1.0", 120), ("2.0", 200)])
def test_the_setting_decides_the_reference(shard, monkeypatch, protocol, f0):
    monkeypatch.setattr("dubber.steps.score.build_metric", lambda settings, **_: Reference())
    assert scored(shard, [RtfSettings()], protocol)["good", "reference"]["value"] == f0


def test_real_time_factor_is_time_over_length(shard):
    scores = scored(shard, [RtfSettings()])
    assert scores["good", "RTF"]["value"] == pytest.approx(0.5)
    assert scores["good", "RTF"]["weight"] == pytest.approx(1.0)
    assert ("missing", "RTF") not in scores


def test_without_a_reference_a_clip_fails_alone_in_protocol_2(shard, monkeypatch):
    monkeypatch.setitem(ROWS[0], "reference", None)
    scores = scored(shard, [WerSettings()], "2.0")
    assert scores["good", "WER"]["value"] is None
    assert scores["good", "WER"]["reason"] == "the speaker has no other clip that could be the reference"
    assert scores["silent", "WER"]["reason"] == "empty output"
    assert scored(shard, [WerSettings()], "1.0")["good", "WER"]["reason"] is None


def test_settings_are_chosen_by_name_and_closed():
    parse = TypeAdapter(tuple[MetricSettings, ...]).validate_python
    assert parse([{"name": "wer", "grammar": "lm"}, {"name": "pitch"}]) == (WerSettings(grammar="lm"), PitchSettings())
    with pytest.raises(ValidationError, match="did you mean 'grammar'"):
        parse([{"name": "wer", "gramar": "lm"}])
    with pytest.raises(ValidationError):
        parse([{"name": "mcd"}])
