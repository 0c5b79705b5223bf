"""How sure a number is: percentile bootstrap over clips or over listeners and clips, and the pairing of two systems.

A mean is sum(weight * value) / sum(weight) over clips, so that a word error rate is resampled as a ratio of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dubber.report.settings import BootstrapSettings

CHUNK = 1 << 21  # resampled values held in memory at once


@dataclass(frozen=True)
class Interval:
    """A mean over `n` values (of as many clips, or answers) with its bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class PairedTest:
    """System minus baseline on the same `n` clips; `p` is two-sided."""

    difference: Interval
    p: float


def interval(values: np.ndarray, weights: np.ndarray, settings: BootstrapSettings) -> Interval:
    """The weighted mean of values [clips] and its percentile interval.

    Raises:
        ValueError: there is no value, or the two lengths differ.
    """
    _check(values, weights)
    resampled = np.concatenate([_means(values, weights, picks) for picks in _resamples(len(values), settings)])
    return _summary(float(np.average(values, weights=weights)), resampled, len(values), settings)


def crossed_interval(values: np.ndarray, settings: BootstrapSettings) -> Interval:
    """The mean of values [listeners, clips], NaN where there is none, and its interval for other listeners and clips.

    Each resample draws listeners and, apart from them, clips; an answer counts as often as its listener times as often
    as its clip was drawn (the pigeonhole bootstrap of Owen, 2007). Resamples without an answer are left out.

    Raises:
        ValueError: there is no value.
    """
    there = ~np.isnan(values)
    if not there.any():
        raise ValueError("a mean needs values")
    filled = np.where(there, values, 0.0)
    rng = np.random.default_rng(settings.seed)
    listeners, clips = (_draws(rng, n, settings.samples) for n in values.shape)
    counts = ((listeners @ there) * clips).sum(1)
    sums = ((listeners @ filled) * clips).sum(1)
    resampled = sums[counts > 0] / counts[counts > 0]
    return _summary(float(values[there].mean()), resampled, int(there.sum()), settings)


def _draws(rng: np.random.Generator, n: int, samples: int) -> np.ndarray:
    """How often each of `n` is drawn, int64 [samples, n]."""
    return rng.multinomial(n, np.full(n, 1 / n), size=samples)


def paired_test(
    *,
    system: np.ndarray,
    baseline: np.ndarray,
    system_weights: np.ndarray,
    baseline_weights: np.ndarray,
    settings: BootstrapSettings,
) -> PairedTest:
    """Is `system` different from `baseline`? Both [clips], the same clips in the same order.

    Both means are taken over the same resampled clips, so what is hard for both cancels out. p is twice the smaller
    share of resamples on either side of zero, counting the observed sample as one of them.

    Raises:
        ValueError: there is no value, or lengths differ.
    """
    _check(system, system_weights)
    _check(baseline, baseline_weights)
    if len(system) != len(baseline):
        raise ValueError(f"paired systems need the same clips, got {len(system)} and {len(baseline)}")
    resampled = np.concatenate(
        [
            _means(system, system_weights, picks) - _means(baseline, baseline_weights, picks)
            for picks in _resamples(len(system), settings)
        ]
    )
    observed = np.average(system, weights=system_weights) - np.average(baseline, weights=baseline_weights)
    side = min(np.sum(resampled <= 0), np.sum(resampled >= 0))
    p = min(1.0, 2 * (side + 1) / (len(resampled) + 1))
    return PairedTest(_summary(float(observed), resampled, len(system), settings), float(p))


def _check(values: np.ndarray, weights: np.ndarray) -> None:
    if not len(values) or len(values) != len(weights):
        raise ValueError(f"a mean needs values with weights, got {len(values)} and {len(weights)}")


def _resamples(n: int, settings: BootstrapSettings) -> Iterator[np.ndarray]:
    """Indices int64 [resamples, n] in chunks; the same for every metric and system with the same number of clips."""
    rng = np.random.default_rng(settings.seed)
    rows = max(1, CHUNK // n)
    for start in range(0, settings.samples, rows):
        yield rng.integers(0, n, (min(rows, settings.samples - start), n))


def _means(values: np.ndarray, weights: np.ndarray, picks: np.ndarray) -> np.ndarray:
    return (weights * values)[picks].sum(1) / weights[picks].sum(1)


def _summary(mean: float, resampled: np.ndarray, n: int, settings: BootstrapSettings) -> Interval:
    tail = (1 - settings.level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), n)
