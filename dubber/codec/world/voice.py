"""The speaker vector: who speaks (GE2E), and how the voice sounds on average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from dubber.codec.settings import GE2E_DIM
from dubber.codec.world.analysis import BINS, Analysis
from dubber.codec.world.cepstrum import band_effect
from dubber.networks.ge2e import ge2e, speech_only
from dubber.units import SAMPLE_RATE

MIN_SAMPLES = SAMPLE_RATE // 10
MIN_DEVIATION = 1e-3
EDGE = 7300.0  # Hz; resamplers keep what is below, and each cuts off in its own way what is above
EDGE_DIRECTIONS = 3
"""Directions of voice vectors in which all but 0.5 % of the power acts that the band above `EDGE` can have on them."""


def ge2e_vector(wav: np.ndarray) -> np.ndarray:
    """GE2E vector float32 [256], of length 1, of wav float32 [samples] at 16 kHz, long silences left out.

    Where the voice activity detector finds next to no speech, the whole clip is heard.
    """
    speech = speech_only(wav)
    return ge2e().embed(speech if len(speech) >= MIN_SAMPLES else wav)


@dataclass(frozen=True)
class Voice:
    """How a voice sounds on average.

    Attributes:
        log_f0: mean log F0 (Hz) of voiced frames.
        cepstrum: float [M + 1], mean c_0..c_M of speech frames; c_0 is the level of the recording.
        aperiodicity: mean of voiced frames, dB.
    """

    log_f0: float
    cepstrum: np.ndarray
    aperiodicity: float

    @classmethod
    def from_vector(cls, vector: np.ndarray) -> Self:
        return cls(float(vector[0]), vector[1:-1], float(vector[-1]))

    def vector(self) -> np.ndarray:
        """[M + 3], in the order of the fields."""
        return np.concatenate([[self.log_f0], self.cepstrum, [self.aperiodicity]])


def voice_of(analysis: Analysis, active_range: float) -> Voice:
    """The averages of one clip; speech frames are those within `active_range` dB of the loud ones."""
    voiced = analysis.voiced
    return Voice(
        log_f0=float(np.log(analysis.f0[voiced]).mean()),
        cepstrum=analysis.cepstrum[analysis.active(active_range)].mean(axis=0),
        aperiodicity=float(analysis.aperiodicity[voiced].mean()),
    )


@dataclass(frozen=True)
class VoiceScale:
    """Voices in units of how much they differ among the training clips, so that a network can read them.

    Attributes:
        mean: float32 [M + 3], the average voice.
        deviation: float32 [M + 3], the standard deviation of each of its numbers.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, voices: Sequence[Voice]) -> Self:
        vectors = np.stack([voice.vector() for voice in voices]).astype(np.float64)
        deviation = np.maximum(vectors.std(axis=0), MIN_DEVIATION)
        return cls(vectors.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    @cached_property
    def edge(self) -> np.ndarray:
        """[M + 1, 3]: orthonormal directions, in units of the deviations, in which the band above `EDGE` acts."""
        deviation = self.deviation[1:-1, None]
        acts = band_effect(len(deviation) - 1, BINS, SAMPLE_RATE, EDGE) / deviation
        return np.linalg.svd(acts, full_matrices=False)[0][:, :EDGE_DIRECTIONS]

    def without_edge(self, analysis: Analysis) -> Analysis:
        """A clip as if its band above `EDGE` were the average voice's at its own level: the same from any rate.

        The mel-cepstrum takes the logarithm of every bin, so the few that a resampler has emptied would outweigh the
        speaker. What they can change, and nothing else, is taken off:  z - U U' (z - l g)  with the directions U of
        `edge`, the direction g of louder sound, and the level l of z along the part of g that U does not touch.
        """
        units = (analysis.cepstrum - self.mean[1:-1]) / self.deviation[1:-1]
        louder = np.eye(1, units.shape[1])[0] / self.deviation[1]
        untouched = louder - self.edge @ (self.edge.T @ louder)
        level = units @ untouched / (untouched @ louder)
        units -= (units - np.outer(level, louder)) @ self.edge @ self.edge.T
        return replace(analysis, cepstrum=(units * self.deviation[1:-1] + self.mean[1:-1]).astype(np.float32))

    def speaker(self, ge2e: np.ndarray, voice: Voice) -> np.ndarray:
        """The speaker vector float32 [256 + M + 3]: GE2E [256], then the voice."""
        return np.concatenate([ge2e, (voice.vector() - self.mean) / self.deviation]).astype(np.float32)

    def voice(self, speaker: np.ndarray) -> Voice:
        """The voice in a speaker vector [256 + M + 3]."""
        return Voice.from_vector(speaker[GE2E_DIM:] * self.deviation + self.mean)
