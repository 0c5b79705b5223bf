"""Rule `audio`: a shard of sound, and the reasons of clips without."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from dubber.artifacts import failures_path, read_rows
from dubber.errors import DubberError
from dubber.media.audio import from_pcm
from dubber.media.video import write_video
from dubber.steps.audio import audio
from tests.helpers.shards import counts, shard_of
from tests.media.test_audio import pictures, tone


def row(clip: str, audio: str | None, video: str | None = None) -> dict:
    return {"clip": clip, "audio": audio, "video": video}


def test_a_shard_goes_on_over_bad_clips(tmp_path):
    soundfile.write(tmp_path / "good.wav", tone(16_000), 16_000)
    soundfile.write(tmp_path / "short.wav", tone(16_000, 0.05), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(16_000, np.nan, np.float32), 16_000, subtype="FLOAT")
    (tmp_path / "empty.wav").touch()
    write_video(tmp_path / "silent.mp4", pictures(5), 25, None, 16_000)
    write_video(tmp_path / "both.mp4", pictures(25), 25, tone(16_000), 16_000)
    rows = [row(name, f"{name}.wav") for name in ("good", "short", "nan", "empty", "missing")]
    rows += [row("silent", None, "silent.mp4"), row("both", None, "both.mp4"), row("none", None)]
    output = tmp_path / "audio.parquet"
    audio(shard_of(rows, output, 0.9), tmp_path)
    assert counts(output) == (2, 6)
    stored = {r["clip"]: r for r in read_rows(output)}
    assert set(stored) == {"good", "both"} and stored["good"]["source_rate"] == 16_000
    assert np.abs(from_pcm(stored["good"]["samples"]) - tone(16_000)).max() < 1e-4
    reasons = {r["clip"]: r["reason"] for r in read_rows(failures_path(output))}
    for clip, words in {
        "short": "only 0.05 s",
        "nan": "not numbers",
        "empty": "empty",
        "missing": "missing",
        "silent": "no audio stream",
        "none": "neither audio nor video",
    }.items():
        assert words in reasons[clip]


def test_too_many_bad_clips_stop_the_shard(tmp_path):
    with pytest.raises(DubberError, match="1 of 1 clips failed"):
        audio(shard_of([row("a", "a.wav")], tmp_path / "audio.parquet", 0.5), tmp_path)
