"""Prosody against the clip's own recording: gross pitch error, voicing decision error, F0 frame error (Table 5).

With V_r, V_h the voiced frames of reference and hypothesis among all frames A:

    GPE = |{voiced in both, |f_h / f_r - 1| > 0.2}| / |V_r and V_h|
    VDE = |{voiced in exactly one}| / |A|
    FFE = (|gross errors| + |voicing errors|) / |A|

One extractor with one set of options serves every system; the frames of the reference are the time axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyworld

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import PitchSettings
from dubber.units import SAMPLE_RATE


@dataclass(frozen=True)
class PitchErrors:
    """Fractions 0..1. `gross` is None where no frame is voiced in both."""

    gross: float | None
    voicing: float
    frame: float


def pitch_errors(*, reference: np.ndarray, hypothesis: np.ndarray, tolerance: float) -> PitchErrors:
    """Compare two F0 tracks [frames] in Hz, 0 where unvoiced.

    The hypothesis is cut to the reference's length, or padded as unvoiced: speech that is missing or stretched is an
    error, it is not warped away.

    Raises:
        ValueError: the reference has no frame.
    """
    if not len(reference):
        raise ValueError("the reference F0 track has no frame")
    aligned = np.zeros_like(reference)
    shared = min(len(reference), len(hypothesis))
    aligned[:shared] = hypothesis[:shared]
    both = (reference > 0) & (aligned > 0)
    gross = int(np.sum(np.abs(aligned[both] / reference[both] - 1) > tolerance))
    voicing = int(np.sum((reference > 0) != (aligned > 0)))
    return PitchErrors(
        gross=gross / int(both.sum()) if both.any() else None,
        voicing=voicing / len(reference),
        frame=(gross + voicing) / len(reference),
    )


def f0_track(wav: np.ndarray, settings: PitchSettings) -> np.ndarray:
    """F0 float64 [frames] in Hz, 0 where unvoiced, of wav float32 [samples] at 16 kHz."""
    extract = {"dio": pyworld.dio, "harvest": pyworld.harvest}[settings.backend]
    samples = wav.astype(np.float64)
    coarse, times = extract(
        samples, SAMPLE_RATE, f0_floor=settings.floor, f0_ceil=settings.ceiling, frame_period=settings.frame_ms
    )
    return pyworld.stonemask(samples, coarse, times, SAMPLE_RATE)


class Pitch(Metric):
    """Columns "GPE", "VDE", "FFE", fractions; means over clips."""

    columns = ("GPE", "VDE", "FFE")

    def __init__(self, settings: PitchSettings) -> None:
        self.settings = settings
        self.backend = f"world:{settings.backend}"

    def score(self, sample: Sample) -> list[Score]:
        if not len(sample.truth):
            raise ClipError("the clip's own recording is empty")
        found = pitch_errors(
            reference=f0_track(sample.truth, self.settings),
            hypothesis=f0_track(sample.hypothesis, self.settings),
            tolerance=self.settings.tolerance,
        )
        reason = None if found.gross is not None else "no frame is voiced in both output and recording"
        return [
            Score("GPE", found.gross, reason=reason),
            Score("VDE", found.voicing),
            Score("FFE", found.frame),
        ]
