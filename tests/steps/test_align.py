"""Rule `align`: a shard of phone times, and the reasons of clips without."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dubber.align.phones import Alignment, Interval
from dubber.align.settings import AlignSettings, PocketsphinxSettings
from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.steps.align import align
from dubber.steps.phone_rows import PHONES, alignment_of, phone_row
from dubber.units import SAMPLE_RATE
from tests.helpers.shards import counts, shard_of

# Beams so wide that every path survives: noise, too, is parted into phones.
WIDE = PocketsphinxSettings(beam=1e-300, word_beam=1e-300, phone_beam=1e-300, retry_beam=1e-300)


def noise(seconds: float) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=int(seconds * SAMPLE_RATE)) * 300).astype(np.int16)


def test_a_shard_keeps_good_clips_and_gives_reasons_for_the_others(tmp_path):
    audio = tmp_path / "audio.parquet"
    schema = pa.schema([("clip", pa.string()), ("samples", pa.list_(pa.int16()))])
    clips = {"good": noise(2), "foreign": noise(2), "wordless": noise(2), "short": noise(0.1)}
    write_rows(audio, [{"clip": clip, "samples": x} for clip, x in clips.items()], schema)
    texts = {
        "good": "lay green",
        "foreign": "привет",
        "wordless": "...",
        "short": "far too many words",
        "absent": "red",
    }
    rows = [{"clip": clip, "text": text} for clip, text in texts.items()]
    output = tmp_path / "phones.parquet"
    align(shard_of(rows, output, 0.8), audio, AlignSettings(pocketsphinx=WIDE))
    assert counts(output) == (1, 3)
    (row,) = read_rows(output)
    assert row["clip"] == "good" and list(row["words"]) == ["lay", "green"]
    reasons = {row["clip"]: row["reason"] for row in read_rows(failures_path(output))}
    assert set(reasons) == {"foreign", "wordless", "short"}
    assert "привет" in reasons["foreign"]


def test_an_alignment_survives_its_row(tmp_path):
    found = Alignment((Interval("sil", 0.0, 0.5), Interval("R", 0.5, 1.0)), (Interval("r", 0.5, 1.0),))
    write_rows(tmp_path / "a.parquet", [{"clip": "c", **phone_row(found)}], PHONES)
    (row,) = read_rows(tmp_path / "a.parquet")
    assert alignment_of(row) == found
