"""The mel-cepstrum: a spectral envelope as a short cosine series on the mel axis.

    ln |H(f)| = c_0 + sum_{m=1..M} c_m cos(m theta(f)),   theta(f) = pi mel(f) / mel(Nyquist)

so that c_0 is the mean log amplitude and the mel-cepstral distortion is the root mean square of the level difference.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

DB_PER_NEPER = 20 / np.log(10)


@lru_cache(maxsize=8)
def basis(order: int, bins: int, sample_rate: int) -> np.ndarray:
    """The cosines [bins, order + 1] at the bins of a real Fourier spectrum."""
    theta = np.pi * _mel(_frequencies(bins, sample_rate)) / _mel(sample_rate / 2)
    return np.cos(np.outer(theta, np.arange(order + 1)))


@lru_cache(maxsize=8)
def _projection(order: int, bins: int, sample_rate: int) -> np.ndarray:
    """[order + 1, bins]: least squares in which every bin counts for its width on the mel axis."""
    weight = np.sqrt(1 / (700 + _frequencies(bins, sample_rate)))
    return np.linalg.pinv(weight[:, None] * basis(order, bins, sample_rate)) * weight


def band_effect(order: int, bins: int, sample_rate: int, lowest: float) -> np.ndarray:
    """float64 [order + 1, n], n the bins above `lowest` Hz: what one neper more in a bin adds to each coefficient."""
    return _projection(order, bins, sample_rate)[:, _frequencies(bins, sample_rate) > lowest]


def to_cepstrum(power: np.ndarray, order: int, sample_rate: int) -> np.ndarray:
    """Power spectrum [T, bins] -> mel-cepstrum [T, order + 1]."""
    return 0.5 * np.log(power) @ _projection(order, power.shape[1], sample_rate).T


def to_power(cepstrum: np.ndarray, bins: int, sample_rate: int) -> np.ndarray:
    """Mel-cepstrum [T, order + 1] -> power spectrum [T, bins]."""
    return np.exp(2 * cepstrum @ basis(cepstrum.shape[1] - 1, bins, sample_rate).T)


def distortion(a: np.ndarray, b: np.ndarray, order: int = 24) -> np.ndarray:
    """Mel-cepstral distortion (dB) per frame of two cepstra [T, >= order + 1], c_0 left out."""
    difference = a[:, 1 : order + 1] - b[:, 1 : order + 1]
    return DB_PER_NEPER * np.sqrt(np.sum(difference**2, axis=1) / 2)


def _frequencies(bins: int, sample_rate: int) -> np.ndarray:
    return np.linspace(0, sample_rate / 2, bins)


def _mel(frequency: np.ndarray | float) -> np.ndarray | float:
    return 1127 * np.log1p(np.asarray(frequency) / 700)
