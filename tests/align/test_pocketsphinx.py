from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from dubber.align.phones import PHONES, Alignment, Interval, alignment_of
from dubber.align.pocketsphinx import PocketsphinxAligner
from dubber.align.settings import AlignSettings, PocketsphinxSettings
from dubber.artifacts import failures_path, read_rows, write_rows
from dubber.errors import ClipError
from dubber.steps.align import align
from dubber.text.phonemes import phonemise
from dubber.units import SAMPLE_RATE
from tests.helpers.shards import counts, shard_of

# Beams so wide that every path survives: noise, too, is parted into phones.
WIDE = PocketsphinxSettings(beam=1e-300, word_beam=1e-300, phone_beam=1e-300, retry_beam=1e-300)


@pytest.fixture(scope="module")
def aligner() -> PocketsphinxAligner:
    return PocketsphinxAligner(WIDE)


def noise(seconds: float, level: float = 300.0) -> np.ndarray:
    return (np.random.default_rng(0).normal(size=int(seconds * SAMPLE_RATE)) * level).astype(np.int16)


def test_audio_is_parted_into_exactly_the_phones_of_the_text(aligner):
    spoken = phonemise("Bin blue, at zorblatt.")
    found = aligner.align(noise(3), spoken)
    assert [p.label for p in found.phones if p.label not in ("sil", "spn")] == [q for w in spoken.phones for q in w]
    assert [w.label for w in found.words] == ["bin", "blue", "at", "zorblatt"]
    assert found.phones[0].start == 0
    assert all(a.end == pytest.approx(b.start) for a, b in zip(found.phones, found.phones[1:], strict=False))
    assert found.phones[-1].end == pytest.approx(3, abs=0.03)


def test_a_clip_does_not_depend_on_the_one_before(aligner):
    spoken = phonemise("place red in q four soon")
    fresh = PocketsphinxAligner(WIDE).align(noise(2), spoken)
    aligner.align(noise(3, level=6000), phonemise("something else that was loud"))
    assert aligner.align(noise(2), spoken) == fresh


def test_boundaries_move_by_the_offset_and_stay_inside_the_clip():
    spoken = phonemise("red")
    plain = PocketsphinxAligner(WIDE).align(noise(1), spoken)
    moved = PocketsphinxAligner(WIDE.model_copy(update={"offset": 0.005})).align(noise(1), spoken)
    assert moved.words[0].start == pytest.approx(plain.words[0].start + 0.005)
    assert moved.phones[-1].end <= 1


def test_a_second_attempt_with_wide_beams_saves_what_the_first_one_lost():
    spoken = phonemise("red")
    lost = PocketsphinxSettings(retry_beam=1e-48)
    with pytest.raises(ClipError, match="does not fit"):
        PocketsphinxAligner(lost).align(noise(3), spoken)
    saved = lost.model_copy(update={"retry_beam": 1e-100})
    results = [PocketsphinxAligner(saved).align(noise(3), spoken) for _ in range(2)]
    assert [word.label for word in results[0].words] == ["red"]
    assert results[0] == results[1], "dither is seeded"


@pytest.mark.parametrize(
    "samples",
    [noise(0), noise(0.02), noise(0.3), np.zeros(3 * SAMPLE_RATE, np.int16)],
    ids=["empty", "one frame", "too short", "digital silence"],
)
def test_audio_that_cannot_hold_the_text_is_a_failed_clip(aligner, samples):
    with pytest.raises(ClipError, match=r"no sound|does not fit|stopped early"):
        aligner.align(samples, phonemise("place red in q four soon and again"))


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
    write_rows(tmp_path / "a.parquet", [{"clip": "c", **found.row()}], PHONES)
    (row,) = read_rows(tmp_path / "a.parquet")
    assert alignment_of(row) == found
