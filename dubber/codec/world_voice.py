"""The speaker vector, and what it says about how a voice sounds on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from resemblyzer import VoiceEncoder, preprocess_wav

from dubber.codec.world_analysis import SAMPLE_RATE, Analysis

SPEAKER_DIM = 256
MIN_SAMPLES = SAMPLE_RATE // 10


@lru_cache(maxsize=1)
def _encoder() -> VoiceEncoder:
    return VoiceEncoder("cpu", verbose=False)


def speaker_vector(wav: np.ndarray) -> np.ndarray:
    """GE2E vector float32 [256], of length 1, of wav float32 [samples] at 16 kHz, long silences left out.

    Where the voice activity detector finds next to no speech, the whole clip is heard.
    """
    speech = preprocess_wav(wav)
    heard = speech if len(speech) >= MIN_SAMPLES else wav
    return _encoder().embed_utterance(heard.astype(np.float32)).astype(np.float32)


@dataclass(frozen=True)
class Voice:
    """How a voice sounds on average.

    Attributes:
        log_f0: mean log F0 (Hz) of voiced frames.
        cepstrum: float [M], mean c_1..c_M of speech frames.
        aperiodicity: mean of voiced frames, dB.
    """

    log_f0: float
    cepstrum: np.ndarray
    aperiodicity: float

    @classmethod
    def from_vector(cls, vector: np.ndarray) -> Self:
        return cls(float(vector[0]), vector[1:-1], float(vector[-1]))

    def vector(self) -> np.ndarray:
        """[M + 2], in the order of the fields."""
        return np.concatenate([[self.log_f0], self.cepstrum, [self.aperiodicity]])


def voice_of(analysis: Analysis, active_range: float) -> Voice:
    """The averages of one clip; speech frames are those within `active_range` dB of the loud ones."""
    voiced = analysis.voiced
    return Voice(
        log_f0=float(np.log(analysis.f0[voiced]).mean()),
        cepstrum=analysis.cepstrum[analysis.active(active_range), 1:].mean(axis=0),
        aperiodicity=float(analysis.aperiodicity[voiced].mean()),
    )


@dataclass(frozen=True)
class VoiceMap:
    """Ridge regression from speaker vectors to voices.

    Attributes:
        weights: float32 [256, M + 2].
        bias: float32 [M + 2].
    """

    weights: np.ndarray
    bias: np.ndarray

    @classmethod
    def fit(cls, speakers: np.ndarray, voices: Sequence[Voice], ridge: float) -> Self:
        """From speakers [n, 256] and their n voices; `ridge` shrinks towards the mean of all voices."""
        targets = np.stack([voice.vector() for voice in voices]).astype(np.float64)
        centre, mean = speakers.mean(axis=0, dtype=np.float64), targets.mean(axis=0)
        x = speakers - centre
        weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ (targets - mean))
        return cls(weights.astype(np.float32), (mean - centre @ weights).astype(np.float32))

    def __call__(self, speaker: np.ndarray) -> Voice:
        """The voice that speaker [256] leads to expect."""
        return Voice.from_vector(speaker @ self.weights + self.bias)
