"""Intervals cover what they should; paired tests see small steady differences."""

from __future__ import annotations

import numpy as np
import pytest

from dubber.report.bootstrap import interval, paired_test
from dubber.report.settings import BootstrapSettings

SETTINGS = BootstrapSettings(samples=500)


def ones(values) -> np.ndarray:
    return np.ones(len(values))


def test_interval_covers_the_true_mean_about_95_times_in_100():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        values = rng.normal(3.0, 1.0, 60)
        found = interval(values, ones(values), SETTINGS)
        covered += found.low <= 3.0 <= found.high
    assert 180 <= covered <= 199


def test_interval_width_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(0, 2, 400)
    found = interval(values, ones(values), BootstrapSettings(samples=4000))
    expected = 2 * 1.96 * values.std() / np.sqrt(400)
    assert found.high - found.low == pytest.approx(expected, rel=0.06)
    assert found.mean == pytest.approx(values.mean())
    assert found.n == 400


def test_weights_make_a_ratio_of_sums():
    errors, words = np.array([1, 0, 6]), np.array([6, 10, 6])
    found = interval(100 * errors / words, words, SETTINGS)
    assert found.mean == pytest.approx(100 * 7 / 22)
    assert found.low == 0
    assert found.high == pytest.approx(100)


def test_same_seed_same_interval():
    values = np.random.default_rng(2).random(30)
    assert interval(values, ones(values), SETTINGS) == interval(values, ones(values), SETTINGS)
    other = interval(values, ones(values), BootstrapSettings(samples=500, seed=1))
    assert other.mean == interval(values, ones(values), SETTINGS).mean
    assert other != interval(values, ones(values), SETTINGS)


def test_one_clip_and_no_clip():
    assert interval(np.array([4.0]), np.ones(1), SETTINGS).low == 4.0
    with pytest.raises(ValueError, match="needs values"):
        interval(np.array([]), np.array([]), SETTINGS)


def paired(system, baseline):
    return paired_test(
        system=system,
        baseline=baseline,
        system_weights=ones(system),
        baseline_weights=ones(baseline),
        settings=BootstrapSettings(samples=2000),
    )


def test_pairing_sees_a_steady_difference_that_noise_between_clips_hides():
    rng = np.random.default_rng(3)
    difficulty = rng.normal(0, 10, 80)
    baseline, system = difficulty + rng.normal(0, 0.5, 80), difficulty + 0.5 + rng.normal(0, 0.5, 80)
    test = paired(system, baseline)
    unpaired = [interval(values, ones(values), SETTINGS) for values in (system, baseline)]
    assert test.p < 0.01
    assert 0 < test.difference.low < 0.5 < test.difference.high
    assert unpaired[0].low < unpaired[1].high


def test_equal_systems_are_not_different():
    values = np.random.default_rng(4).random(50)
    assert paired(values, values).p == 1.0
    rng = np.random.default_rng(5)
    found = [paired(rng.random(40), rng.random(40)).p < 0.05 for _ in range(60)]
    assert np.mean(found) < 0.2


def test_pairing_needs_the_same_clips():
    with pytest.raises(ValueError, match="same clips"):
        paired(np.ones(3), np.ones(4))
