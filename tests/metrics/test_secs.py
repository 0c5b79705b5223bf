"""SECS: the cosine itself, 100 against itself, a reason where nobody speaks."""

from __future__ import annotations

import numpy as np
import pytest

from dubber.errors import ClipError
from dubber.metrics.base import Sample
from dubber.metrics.secs import Secs
from dubber.metrics.similarity import cosine


@pytest.fixture(scope="module")
def secs() -> Secs:
    return Secs()


def voice(f0: float, seconds: float = 2.0) -> np.ndarray:
    """A buzz with vowel-like resonances that the voice-activity detector takes for speech."""
    t = np.arange(int(seconds * 16000)) / 16000
    wobble = f0 * (1 + 0.03 * np.sin(2 * np.pi * 4 * t))
    phase = 2 * np.pi * np.cumsum(wobble) / 16000
    partials = np.arange(1, int(3800 / f0))
    envelope = np.exp(-(((partials * f0 - 600) / 300) ** 2)) + 0.6 * np.exp(-(((partials * f0 - 1700) / 400) ** 2))
    wave = (envelope[:, None] * np.sin(partials[:, None] * phase)).sum(0)
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)
    return (0.3 * wave * syllables / np.abs(wave).max()).astype(np.float32)


def test_cosine_times_hundred():
    a, b = np.array([1.0, 0.0]), np.array([1.0, 1.0])
    assert cosine(reference=a, hypothesis=5 * a, scale=100) == pytest.approx(100)
    assert cosine(reference=a, hypothesis=b, scale=100) == pytest.approx(100 / np.sqrt(2))
    with pytest.raises(TypeError):
        cosine(a, b)


def test_ground_truth_is_100_and_another_voice_is_less(secs):
    low, high = voice(100), voice(230)
    same = secs.score(Sample("c", "t", hypothesis=low, truth=low, reference=low))[0]
    other = secs.score(Sample("c", "t", hypothesis=high, truth=low, reference=low))[0]
    assert same.value == pytest.approx(100, abs=1e-4)
    assert other.value < 95


@pytest.mark.parametrize("wav", [np.zeros(16000, np.float32), np.zeros(0, np.float32), np.full(300, 0.1, np.float32)])
def test_no_speech_is_a_reason(secs, wav):
    with pytest.raises(ClipError, match="no speech"):
        secs.vector(wav)
