"""Mel-frequency cepstra as SyncNet was trained on them: what the package python_speech_features computes by default.

Pre-emphasis 0.97; frames of 25 ms every 10 ms without a window function, the last one filled up with zeros; power
spectrum |FFT|^2 / 512; 26 triangular filters, equal steps on the scale 2595 log10(1 + f / 700) from 0 to 8000 Hz, with
edges at whole FFT bins; logarithm, orthonormal DCT-II, 13 coefficients, lifter of 22; the logarithm of the frame's
energy in place of the first coefficient. Where a power is zero it counts as the smallest relative step of a double.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft

from dubber.units import SAMPLE_RATE

FRAME = 400  # samples
HOP = 160  # samples
FFT = 512
FILTERS = 26
COEFFICIENTS = 13
EMPHASIS = 0.97
LIFTER = 22


def mfcc(samples: np.ndarray) -> np.ndarray:
    """Cepstra float64 [13, frames] of samples [n] on the scale of 16-bit integers, at 16 kHz.

    The scale counts: it shifts the first coefficient. There are 1 + ceil((n - 400) / 160) frames, at least one.

    Raises:
        ValueError: there is no sample.
    """
    power = _power(samples)
    cepstra = scipy.fft.dct(np.log(_above_zero(power @ filters().T)), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    cepstra *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    cepstra[:, 0] = np.log(_above_zero(power.sum(1)))
    return cepstra.T


def log_energies(samples: np.ndarray) -> np.ndarray:
    """Logarithms float64 [frames, 26] of the filters' energies: `mfcc` before its cosine transform.

    Raises:
        ValueError: there is no sample.
    """
    return np.log(_above_zero(_power(samples) @ filters().T))


def _power(samples: np.ndarray) -> np.ndarray:
    """Power spectra [frames, 257]."""
    if not len(samples):
        raise ValueError("no sample")
    return np.abs(np.fft.rfft(_frames(_emphasised(samples.astype(np.float64))), FFT)) ** 2 / FFT


def _emphasised(samples: np.ndarray) -> np.ndarray:
    return np.concatenate([samples[:1], samples[1:] - EMPHASIS * samples[:-1]])


def _frames(samples: np.ndarray) -> np.ndarray:
    """[frames, 400], zeros after the end."""
    count = 1 + max(0, -(-(len(samples) - FRAME) // HOP))
    padded = np.pad(samples, (0, (count - 1) * HOP + FRAME - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]


def _above_zero(power: np.ndarray) -> np.ndarray:
    return np.where(power == 0, np.finfo(np.float64).eps, power)


@lru_cache(maxsize=1)
def filters() -> np.ndarray:
    """Weights [26, 257] of the FFT bins in each band: 0 at a band's edges, 1 at its middle bin."""
    mels = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), FILTERS + 2)
    edges = np.floor((FFT + 1) * 700 * (10 ** (mels / 2595) - 1) / SAMPLE_RATE)
    bins = np.arange(FFT // 2 + 1)
    return np.stack([np.interp(bins, edges[i : i + 3], [0, 1, 0]) for i in range(FILTERS)])
