"""The table of mean opinion scores against numbers worked out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dubber.errors import DubberError
from dubber.listening.answers import Answer
from dubber.listening.mos import build_mos
from dubber.report.bootstrap import crossed_interval, interval
from dubber.report.settings import BootstrapSettings
from tests.helpers.running import small_test

BOOTSTRAP = BootstrapSettings(samples=4000)


def answers(test, question: str, system: str, marks: dict[str, list[int | None]]) -> list[Answer]:
    """One answer for each mark: listener -> marks of the clips in their order."""
    items = [item for item in test.items if item.system == system]
    return [
        Answer(
            listener=listener,
            question=question,
            sample=item.sample,
            value=value,
            system=system,
            clip=item.clip,
            time="2026-01-01T00:00:00+00:00",
        )
        for listener, values in marks.items()
        for item, value in zip(items, values, strict=True)
        if value is not None
    ]


@pytest.fixture
def test(tmp_path):
    return small_test(tmp_path, clips=3)


def test_means_counts_and_what_they_stand_on(test):
    given = [
        *answers(test, "similarity", "ground_truth", {"ada": [5, 5, 4], "bob": [4, 5, 5]}),
        *answers(test, "similarity", "full", {"ada": [1, 2, 3], "bob": [2, None, 4], "eve": [None, None, 1]}),
        *answers(test, "naturalness", "full", {"ada": [3, 3, 3]}),
    ]
    table = build_mos([test], given, bootstrap=BOOTSTRAP).set_index(["metric", "system"])
    assert list(table.index) == [("MOS-S", "ground_truth"), ("MOS-S", "full"), ("MOS-N", "full")]
    truth, full, natural = (table.loc[key] for key in table.index)
    assert truth["mean"] == pytest.approx(28 / 6)
    assert full["mean"] == pytest.approx(13 / 6)
    counts = ["n_listeners", "n_samples", "n_answers", "n_missing", "n_failed"]
    assert truth[counts].tolist() == [2, 3, 6, 0, 0]
    assert full[counts].tolist() == [3, 3, 6, 3, 0]
    assert natural[["mean", "low", "high"]].tolist() == [3, 3, 3]
    assert full["fingerprint"] == "run of full" and full["test"] == test.identity and full["protocol"] == "2.0"
    assert full["low"] < full["mean"] < full["high"]


def test_the_last_answer_counts(test):
    first = answers(test, "similarity", "full", {"ada": [1, 1, 1]})
    changed = answers(test, "similarity", "full", {"ada": [5, None, None]})
    table = build_mos([test], [*first, *changed], bootstrap=BOOTSTRAP)
    assert table["mean"].item() == pytest.approx(7 / 3) and table["n_answers"].item() == 3


def test_an_answer_from_another_test_is_refused(test, tmp_path):
    other = answers(small_test(tmp_path / "other", systems=("theirs",)), "similarity", "theirs", {"ada": [1, 2, 3]})
    with pytest.raises(DubberError, match="in no test"):
        build_mos([test], other, bootstrap=BOOTSTRAP)


def test_interval_over_listeners_and_clips_is_that_of_all_resamples():
    """Two listeners and two clips have 4 x 4 equally likely resamples; the quantiles are those of their means."""
    values = np.array([[1.0, 2.0], [4.0, 5.0]])
    pairs = list(itertools.product(range(2), repeat=2))
    means = [values[np.ix_(listeners, clips)].mean() for listeners in pairs for clips in pairs]
    settings = BootstrapSettings(samples=40_000, level=0.7)
    found = crossed_interval(values, settings)
    assert found.mean == 3.0 and found.n == 4
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(np.repeat(means, 1000), [0.15, 0.85])), abs=1e-9)


def test_interval_is_wider_than_one_that_takes_answers_for_independent():
    rng = np.random.default_rng(0)
    values = 3 + rng.normal(0, 1, (20, 1)) + rng.normal(0, 1, (1, 30)) + rng.normal(0, 1, (20, 30))
    crossed = crossed_interval(values, BOOTSTRAP)
    naive = interval(values.ravel(), np.ones(600), BOOTSTRAP)
    assert crossed.mean == pytest.approx(naive.mean)
    assert crossed.high - crossed.low > 3 * (naive.high - naive.low)
    variance = values.mean(1).var(ddof=1) / 20 + values.mean(0).var(ddof=1) / 30
    assert crossed.high - crossed.low == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.15)


def test_interval_covers_the_true_mean_about_95_times_in_100():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        values = 3 + rng.normal(0, 0.5, (20, 1)) + rng.normal(0, 0.5, (1, 30)) + rng.normal(0, 1, (20, 30))
        found = crossed_interval(values, BootstrapSettings(samples=300))
        covered += found.low <= 3.0 <= found.high
    assert 178 <= covered <= 200


def test_missing_answers_are_left_out_and_none_at_all_is_an_error():
    values = np.array([[5.0, np.nan, np.nan], [np.nan, 1.0, np.nan]])
    found = crossed_interval(values, BOOTSTRAP)
    assert (found.mean, found.n) == (3.0, 2)
    assert (found.low, found.high) == (1.0, 5.0)
    with pytest.raises(ValueError, match="needs values"):
        crossed_interval(np.full((2, 2), np.nan), BOOTSTRAP)


def test_same_answers_same_interval():
    values = np.random.default_rng(1).integers(1, 6, (5, 7)).astype(float)
    assert crossed_interval(values, BOOTSTRAP) == crossed_interval(values, BOOTSTRAP)
