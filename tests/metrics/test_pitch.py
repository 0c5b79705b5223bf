"""GPE, VDE, FFE: closed forms on synthetic tracks; the extractor finds a known pitch."""

from __future__ import annotations

import numpy as np
import pytest

from dubber.errors import ClipError
from dubber.metrics.base import Sample
from dubber.metrics.pitch import Pitch, f0_track, pitch_errors
from dubber.metrics.settings import PitchSettings

SETTINGS = PitchSettings()
REFERENCE = np.array([0, 100, 100, 100, 100, 200, 200, 0, 0, 0], dtype=float)


def errors(hypothesis) -> tuple[float | None, float, float]:
    found = pitch_errors(reference=REFERENCE, hypothesis=np.asarray(hypothesis, float), tolerance=0.2)
    return found.gross, found.voicing, found.frame


def glide(start: float, end: float, seconds: float = 1.5) -> np.ndarray:
    """A buzz whose pitch glides, in silence at both ends."""
    t = np.arange(int(seconds * 16000)) / 16000
    f0 = np.linspace(start, end, len(t))
    phase = 2 * np.pi * np.cumsum(f0) / 16000
    wave = sum(np.sin(k * phase) / k for k in range(1, 12))
    quiet = np.zeros(4800)
    return np.concatenate([quiet, 0.2 * wave, quiet]).astype(np.float32)


def test_identical_tracks():
    assert errors(REFERENCE) == (0, 0, 0)


def test_an_octave_up_is_gross_everywhere_but_voicing_is_right():
    assert errors(2 * REFERENCE) == (1.0, 0.0, 0.6)


def test_deviation_within_tolerance_is_no_error():
    assert errors(1.19 * REFERENCE)[0] == 0
    assert errors(1.21 * REFERENCE)[0] == 1
    assert errors(0.79 * REFERENCE)[0] == 1


def test_voicing_errors_count_both_ways_over_all_frames():
    # Two voiced frames lost, one gained; one of the four shared frames is gross.
    assert errors([90, 0, 0, 100, 100, 200, 100, 0, 0, 0]) == (0.25, 0.3, 0.4)


def test_frame_error_is_the_sum_of_both_kinds():
    rng = np.random.default_rng(0)
    for _ in range(50):
        ref = rng.choice([0, 100.0, 150.0], 40)
        hyp = rng.choice([0, 100.0, 150.0], 40)
        found = pitch_errors(reference=ref, hypothesis=hyp, tolerance=0.2)
        both = np.sum((ref > 0) & (hyp > 0))
        assert found.frame * 40 == pytest.approx((found.gross or 0) * both + found.voicing * 40)


def test_unvoiced_output_has_no_gross_error_but_no_score_either():
    assert errors(np.zeros(10)) == (None, 0.6, 0.6)


def test_missing_frames_are_unvoiced_and_extra_ones_ignored():
    assert errors(REFERENCE[:5]) == errors(np.where(np.arange(10) < 5, REFERENCE, 0))
    assert errors(np.concatenate([REFERENCE, [300, 300]])) == (0, 0, 0)


def test_arguments_cannot_be_swapped():
    with pytest.raises(TypeError):
        pitch_errors(REFERENCE, REFERENCE, tolerance=0.2)


@pytest.mark.parametrize("backend", ["dio", "harvest"])
def test_extractor_finds_a_known_pitch(backend):
    track = f0_track(glide(150, 150), SETTINGS.model_copy(update={"backend": backend}))
    voiced = track[track > 0]
    assert len(track) == pytest.approx(2.1 / 0.005, abs=2)
    assert np.median(voiced) == pytest.approx(150, rel=0.01)
    assert 0.6 < len(voiced) / len(track) < 0.85


def test_stretched_and_shifted_copies_score_worse():
    truth = glide(110, 220)
    stretched = np.interp(np.arange(0, len(truth), 0.75), np.arange(len(truth)), truth).astype(np.float32)
    metric = Pitch(SETTINGS)

    def judged(wav: np.ndarray) -> dict[str, float]:
        sample = Sample("c", "t", hypothesis=wav, truth=truth, reference=truth)
        return {score.column: score.value for score in metric.score(sample)}

    assert judged(truth) == {"GPE": 0, "VDE": 0, "FFE": 0}
    assert judged(stretched)["GPE"] > 0.3
    assert judged(stretched)["FFE"] > 0.3
    assert judged(np.roll(truth, 3200))["VDE"] > 0.1


def test_a_clip_without_recording_is_a_reason():
    empty = np.zeros(0, np.float32)
    with pytest.raises(ClipError):
        Pitch(SETTINGS).score(Sample("c", "t", hypothesis=glide(100, 100), truth=empty, reference=empty))
