"""How far the phone boundaries that a model finds on the video are from the forced aligner's.

Both are known in whole video frames of 40 ms, so that an error is a whole number of frames.
Shapes: N phonemes, F video frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRAME = 40.0  # ms of a video frame


@dataclass(frozen=True)
class BoundaryError:
    """Over the N - 1 inner boundaries of a clip.

    Attributes:
        ms: mean absolute error.
        within_1, within_2: share (0..1) of boundaries at most one frame (40 ms), or two (80 ms), off.
    """

    ms: float
    within_1: float
    within_2: float


def boundary_error(*, found: np.ndarray, aligned: np.ndarray) -> BoundaryError:
    """Compare durations of the same phonemes in frames, int [N] each.

    Raises:
        ValueError: they are not of as many phonemes and as many frames, or there is no inner boundary.
    """
    found, aligned = np.asarray(found, np.int64), np.asarray(aligned, np.int64)
    if len(found) != len(aligned) or found.sum() != aligned.sum() or len(found) < 2:
        counts = [f"{len(x)} phonemes in {x.sum()} frames" for x in (found, aligned)]
        raise ValueError(f"durations do not pair: {counts[0]} and {counts[1]}")
    off = np.abs(inner_boundaries(found) - inner_boundaries(aligned))
    return BoundaryError(float(off.mean() * FRAME), float((off <= 1).mean()), float((off <= 2).mean()))


def inner_boundaries(durations: np.ndarray) -> np.ndarray:
    """Durations [N] -> the frames [N - 1] at which one phoneme ends and the next begins."""
    return np.cumsum(durations)[:-1]


def evenly_spread(aligned: np.ndarray) -> np.ndarray:
    """What no alignment at all gives: the aligner's silence at both ends, and all between of one length.

    It knows when speech begins and ends, so a clip with long silences gives it no advantage.

    Args:
        aligned: int [N], frames.

    Returns:
        int64 [N] with the same sum; boundaries are rounded to whole frames.
    """
    aligned = np.asarray(aligned, np.int64)
    if len(aligned) < 3:
        return aligned
    inner = inner_boundaries(aligned)
    even = np.floor(np.linspace(inner[0], inner[-1], len(inner)) + 0.5).astype(np.int64)
    return np.diff(even, prepend=0, append=aligned.sum())
