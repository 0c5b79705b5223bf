"""Mel spectrograms as librosa computes them, without its four seconds of import.

Windows are periodic Hann, centred on their frame; bands are triangles on Slaney's or HTK's scale. Values equal those of
`librosa.feature.melspectrogram` (librosa 0.11) within float32 rounding.

Shapes: L samples, M frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from dubber.units import SAMPLE_RATE

SLANEY_STEP = 200 / 3  # Hz a mel below 1 kHz
SLANEY_KNEE = 1000.0  # Hz; above it the scale is logarithmic
SLANEY_LOG = np.log(6.4) / 27  # a mel above the knee


@dataclass(frozen=True)
class Mel:
    """One kind of mel power spectrogram at 16 kHz.

    Attributes:
        window, hop: samples.
        bands: number of bands.
        lowest, highest: Hz.
        scale: Slaney's (triangles of equal area) or HTK's (triangles of height 1).
        padding: of half a window at both ends, as `numpy.pad` names it.
    """

    window: int
    hop: int
    bands: int
    lowest: float = 0.0
    highest: float = SAMPLE_RATE / 2
    scale: Literal["slaney", "htk"] = "slaney"
    padding: Literal["constant", "reflect"] = "constant"

    def power(self, wav: np.ndarray) -> np.ndarray:
        """wav float32 [L] -> float32 [bands, M], M = 1 + L // hop."""
        padded = np.pad(wav.astype(np.float32), self.window // 2, mode=self.padding)
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop]
        spectrum = np.fft.rfft(frames * _hann(self.window), axis=1)
        return filters(self) @ (spectrum.real**2 + spectrum.imag**2).T.astype(np.float32)


@cache
def _hann(size: int) -> np.ndarray:
    """Periodic Hann window, float32 [size]."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


@cache
def filters(mel: Mel) -> np.ndarray:
    """Triangles over the bins of the spectrum, float32 [bands, window // 2 + 1]."""
    first, last = _mels(np.array([mel.lowest, mel.highest]), mel.scale)
    edges = _hertz(np.linspace(first, last, mel.bands + 2), mel.scale)
    bins = np.arange(mel.window // 2 + 1) * SAMPLE_RATE / mel.window
    left, middle, right = (edges[i : i + mel.bands, None] for i in range(3))
    triangles = np.maximum(0, np.minimum((bins - left) / (middle - left), (right - bins) / (right - middle)))
    if mel.scale == "slaney":
        triangles *= 2 / (right - left)
    return triangles.astype(np.float32)


def _mels(hertz: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hertz / 700.0)
    knee = SLANEY_KNEE / SLANEY_STEP
    above = knee + np.log(np.maximum(hertz, SLANEY_KNEE) / SLANEY_KNEE) / SLANEY_LOG
    return np.where(hertz < SLANEY_KNEE, hertz / SLANEY_STEP, above)


def _hertz(mels: np.ndarray, scale: str) -> np.ndarray:
    if scale == "htk":
        return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    knee = SLANEY_KNEE / SLANEY_STEP
    return np.where(mels < knee, mels * SLANEY_STEP, SLANEY_KNEE * np.exp(SLANEY_LOG * (mels - knee)))
