"""Mel-spectrograms of one clip by every system, on one time axis and one scale (Fig. 3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from dubber.networks.mel import Mel
from dubber.report.figures import style
from dubber.units import SAMPLE_RATE

WINDOW, HOP, BANDS = 1024, 160, 80  # samples, samples, mel bands up to 8 kHz
FLOOR = -70.0  # dB under the loudest point of the first system


def mel(wav: np.ndarray) -> np.ndarray:
    """float32 [samples] at 16 kHz -> mel power [80, frames of 10 ms]."""
    return Mel(WINDOW, HOP, BANDS).power(wav)


def draw_spectrograms(audio: Mapping[str, np.ndarray]) -> Figure:
    """One row per entry, label -> float32 [samples]; 0 dB is the loudest point of the first one.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not audio:
        raise ValueError("no audio to draw")
    powers = {label: mel(wav) for label, wav in audio.items()}
    loudest = max(float(next(iter(powers.values())).max()), 1e-10)
    longest = max(len(wav) for wav in audio.values()) / SAMPLE_RATE
    with style():
        figure, axes = plt.subplots(
            len(powers), 1, figsize=(9.6, 0.35 + 1.15 * len(powers)), sharex=True, squeeze=False, layout="constrained"
        )
        for axis, (label, power) in zip(axes[:, 0], powers.items(), strict=True):
            level = 10 * np.log10(np.maximum(power / loudest, 1e-12))
            seconds = power.shape[1] * HOP / SAMPLE_RATE
            image = axis.imshow(
                level, origin="lower", aspect="auto", cmap="magma", vmin=FLOOR, vmax=0, extent=(0, seconds, 0, BANDS)
            )
            axis.set_title(label)
            axis.set_yticks([0, BANDS], ["0", "8 kHz"])
            axis.set_xlim(0, longest)
        axes[-1, 0].set_xlabel("seconds")
        figure.colorbar(image, ax=axes[:, 0], label="dB", fraction=0.02, pad=0.01, aspect=10 * len(powers))
    return figure
