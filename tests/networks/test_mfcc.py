"""MFCC: equal to the definition computed term by term, and to numbers of the package that SyncNet was trained with."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dubber.networks.mfcc import filters, mfcc

EPS = 2.220446049250313e-16
SINE = np.round(8000 * np.sin(0.02 * np.arange(2000)) + 3000 * np.sin(0.9 * np.arange(2000)))


def by_definition(samples: list[float]) -> list[list[float]]:
    """[frames][13], no array operation: sums, sines and logarithms as in a textbook."""
    emphasised = [samples[0]] + [samples[i] - 0.97 * samples[i - 1] for i in range(1, len(samples))]
    count = 1 if len(samples) <= 400 else 1 + math.ceil((len(samples) - 400) / 160)
    edges = [math.floor(513 * 700 * (10 ** (i * MEL_TOP / 27 / 2595) - 1) / 16000) for i in range(28)]
    result = []
    for start in range(0, count * 160, 160):
        frame = emphasised[start : start + 400]
        power = []
        for k in range(257):
            angle = 2 * math.pi * k / 512
            real = sum(x * math.cos(angle * n) for n, x in enumerate(frame))
            imaginary = sum(x * math.sin(angle * n) for n, x in enumerate(frame))
            power.append((real**2 + imaginary**2) / 512)
        bands = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            rising = sum(power[k] * (k - low) / (middle - low) for k in range(low, middle))
            falling = sum(power[k] * (high - k) / (high - middle) for k in range(middle, high))
            bands.append(math.log(rising + falling or EPS))
        cepstra = [math.log(sum(power) or EPS)]
        for q in range(1, 13):
            total = sum(level * math.cos(math.pi * q * (2 * m + 1) / 52) for m, level in enumerate(bands))
            cepstra.append((1 + 11 * math.sin(math.pi * q / 22)) * math.sqrt(2 / 26) * total)
        result.append(cepstra)
    return result


MEL_TOP = 2595 * math.log10(1 + 8000 / 700)


def test_equals_the_definition():
    samples = np.random.default_rng(0).normal(0, 3000, 730).round()
    found = mfcc(samples).T
    assert found == pytest.approx(np.array(by_definition(samples.tolist())), abs=1e-6)


def test_equals_python_speech_features():
    """Made with python_speech_features at e280ac2: `mfcc(SINE.astype("int16"), 16000)`, frames 0, 5 and 10."""
    found = mfcc(SINE).T
    assert found.shape == (11, 13)
    for frame, numbers in GOLDEN.items():
        assert found[frame] == pytest.approx(np.array(numbers), abs=1e-6)


GOLDEN = {
    0: [20.324553, -7.3214615, -21.5688963, 35.1281214, 31.4187295, -17.971119, 10.9473403,
        43.9959845, -0.1612701, -11.9260703, 31.0164071, 19.2338836, -13.4350219],
    5: [20.3270228, -3.7600014, -24.0251263, 32.2305518, 29.1273288, -19.3092463, 10.4227344,
        43.7274354, -0.2045435, -11.3293041, 31.8266787, 19.8147782, -12.659452],
    10: [20.3221249, -5.6789494, -22.4267356, 33.7356849, 30.2858253, -18.6053168, 10.7073838,
         43.8898454, -0.1733427, -11.7644547, 31.1479404, 19.1011018, -13.7947178],
}  # fmt: skip


@pytest.mark.parametrize(
    ("samples", "frames"), [(1, 1), (400, 1), (401, 2), (560, 2), (561, 3), (16000, 99), (48000, 299)]
)
def test_frames_reach_to_the_end(samples, frames):
    assert mfcc(np.ones(samples)).shape == (13, frames)


def test_twice_as_loud_changes_the_first_coefficient_only():
    soft, loud = mfcc(SINE), mfcc(2 * SINE)
    assert loud[0] - soft[0] == pytest.approx(np.full(11, math.log(4)))
    assert loud[1:] == pytest.approx(soft[1:], abs=1e-9)


def test_silence_is_finite_and_nothing_is_refused():
    silence = mfcc(np.zeros(800))
    assert silence[0] == pytest.approx(math.log(EPS))
    assert silence[1:] == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="no sample"):
        mfcc(np.zeros(0))


def test_each_band_peaks_once_and_neighbours_meet():
    bands = filters()
    assert bands.shape == (26, 257)
    assert (bands.max(1) == 1).all()
    middles = bands.argmax(1)
    assert (np.diff(middles) > 0).all()
    assert bands[:, middles[0] : middles[-1]].sum(0) == pytest.approx(1)
