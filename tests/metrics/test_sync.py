"""LSE: a known shift is found, confidence falls with noise, the numbers equal a direct transcription of the formula."""

from __future__ import annotations

import numpy as np
import pytest

from dubber.metrics.sync import distance_curve, sync_score

RNG = np.random.default_rng(0)
WIDTH = 64


def unit(rows: int) -> np.ndarray:
    vectors = RNG.normal(size=(rows, WIDTH))
    return 5 * vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("lag", [-12, -3, 0, 1, 7, 15])
def test_a_known_shift_is_found(lag):
    whole = unit(120)
    video, audio = whole[20:90], whole[20 - lag : 90 - lag]
    score = sync_score(video=video, audio=audio)
    assert score.offset == lag
    assert score.confidence > 1


def test_perfect_match_has_no_distance():
    video = unit(60)
    assert sync_score(video=video, audio=video).distance == pytest.approx(0, abs=1e-4)


def test_confidence_falls_and_distance_grows_with_noise():
    video = unit(100)
    noise = RNG.normal(size=video.shape)
    scores = [sync_score(video=video, audio=video + level * noise) for level in (0, 0.2, 0.5, 1.0, 3.0)]
    assert [s.confidence for s in scores] == sorted((s.confidence for s in scores), reverse=True)
    assert [s.distance for s in scores] == sorted(s.distance for s in scores)


def test_unrelated_speech_has_little_confidence():
    video = unit(100)
    assert sync_score(video=video, audio=unit(100)).confidence < 0.3 * sync_score(video=video, audio=video).confidence


def test_curve_equals_the_definition():
    video, audio, shift = unit(12), unit(12), 4
    padded = np.concatenate([np.zeros((shift, WIDTH)), audio, np.zeros((shift, WIDTH))])
    expected = [
        np.mean([np.linalg.norm(video[i] - padded[i + k] + 1e-6) for i in range(12)]) for k in range(2 * shift + 1)
    ]
    assert distance_curve(video=video, audio=audio, max_shift=shift) == pytest.approx(np.array(expected))


def test_clips_shorter_than_the_shift_range_are_scored():
    video = unit(5)
    assert sync_score(video=video, audio=video).offset == 0


def test_the_longer_sequence_is_cut_and_mismatches_are_errors():
    video = unit(40)
    assert sync_score(video=video, audio=np.concatenate([video, unit(3)])).distance == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match="do not pair"):
        sync_score(video=video, audio=video[:0])
    with pytest.raises(ValueError, match="do not pair"):
        sync_score(video=video, audio=video[:, :10])
    with pytest.raises(TypeError):
        sync_score(video, video)
