from __future__ import annotations

import numpy as np
import pytest

from dubber.align.pocketsphinx import PocketsphinxAligner
from dubber.align.settings import PocketsphinxSettings
from dubber.errors import ClipError
from dubber.text.phonemes import phonemise
from dubber.units import SAMPLE_RATE

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
