"""DNSMOS: equal to the package's own runner; noise is heard."""

from __future__ import annotations

import numpy as np
import pytest

from dubber.errors import ClipError
from dubber.metrics.base import Sample
from dubber.metrics.naturalness import Dnsmos, windows


@pytest.fixture(scope="module")
def dnsmos() -> Dnsmos:
    return Dnsmos()


@pytest.mark.parametrize("seconds", [3.0, 9.5])
def test_equals_the_package(dnsmos, seconds):
    from speechmos import dnsmos as package

    wav = np.random.default_rng(1).normal(0, 0.05, int(seconds * 16000)).astype(np.float32)
    assert dnsmos.overall(wav) == pytest.approx(float(package.run(wav, 16000)["ovrl_mos"]), abs=1e-4)


def test_windows_cover_a_second_each():
    assert [len(windows(np.zeros(int(s * 16000)))) for s in (3.0, 9.01, 11.5)] == [3, 1, 2]
    assert {len(w) for w in windows(np.zeros(48000))} == {144160}


def test_the_column_is_not_called_utmos(dnsmos):
    wav = np.random.default_rng(1).normal(0, 0.05, 16000).astype(np.float32)
    (score,) = dnsmos.score(Sample("c", "t", hypothesis=wav, truth=wav, reference=wav))
    assert score.column == "DNSMOS"
    assert 1 <= score.value <= 5


def test_no_sample_is_a_reason(dnsmos):
    with pytest.raises(ClipError, match="empty"):
        dnsmos.overall(np.zeros(0, np.float32))
