"""Two-fold resampling with a 12-tap low-pass filter, in polyphase form.

A signal at twice the rate is kept as its two phases, the samples of even and of odd index, each as long as the
signal at the original rate. No zeros are inserted and none are multiplied: a phase is six shifted copies, weighed
and added.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

TAPS = 12
_PHASE_TAPS = TAPS // 2
_EDGE = _PHASE_TAPS // 2  # how far a phase filter reaches beyond either end


def low_pass() -> Tensor:
    """The half-band filter: an ideal low-pass under a Kaiser window, float32 [1, 1, 12] with unit sum.

    The window's shape follows from Kaiser's empirical formulas for a transition band of 1.2 pi over 5 taps.
    """
    attenuation = 2.285 * 5 * 1.2 * math.pi + 7.95  # dB
    window = torch.kaiser_window(TAPS, periodic=False, beta=0.1102 * (attenuation - 8.7))
    distance = torch.arange(TAPS) - (TAPS - 1) / 2
    taps = window * torch.sinc(distance / 2)
    return (taps / taps.sum()).view(1, 1, TAPS)


def upsample(x: Tensor, taps: list[float]) -> tuple[Tensor, Tensor]:
    """Double the rate.

    Args:
        x: [rows, L].
        taps: the 12 taps of the low-pass filter.

    Returns:
        The even and the odd samples of the doubled signal, [rows, L] each.
    """
    length = x.shape[-1]
    padded = F.pad(x, (_EDGE, _EDGE), mode="replicate")
    gained = [2 * tap for tap in reversed(taps)]  # every second sample is missing, so half of the energy is too
    return _weighted_sum(padded, gained[0::2], length), _weighted_sum(padded[..., 1:], gained[1::2], length)


def downsample(even: Tensor, odd: Tensor, taps: list[float]) -> Tensor:
    """Halve the rate of a signal given as its two phases.

    Args:
        even, odd: [rows, L] each.
        taps: the 12 taps of the low-pass filter.

    Returns:
        [rows, L].
    """
    length = even.shape[-1]
    first, last = even[..., :1], odd[..., -1:]  # the ends of the interleaved signal, whichever the phase
    even, odd = (_extend(phase, first, last) for phase in (even, odd))
    from_even = _weighted_sum(even[..., 1:], taps[1::2], length)
    return from_even.add_(_weighted_sum(odd, taps[0::2], length))


def _extend(x: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Repeat `first` before x and `last` after it, `_EDGE` times each."""
    edge = (*x.shape[:-1], _EDGE)
    return torch.cat([first.expand(edge), x, last.expand(edge)], dim=-1)


def _weighted_sum(x: Tensor, weights: list[float], length: int) -> Tensor:
    """y[n] = sum over k of weights[k] x[n + k], for n in 0..length-1."""
    total = x[..., :length] * weights[0]
    for k, weight in enumerate(weights[1:], start=1):
        total.add_(x[..., k : k + length], alpha=weight)
    return total
