"""Lip-sync error from two embedding sequences: LSE-D and LSE-C, as SyncNet's evaluation defines them (Tables 1 to 4).

Which encoders gave the embeddings is another file's matter; this is the computation that both backends share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EPSILON = 1e-6  # added to each difference by the published evaluation's distance


@dataclass(frozen=True)
class SyncScore:
    """How well audio and video fit.

    Attributes:
        distance: LSE-D, the minimum over shifts of the distance averaged over time; lower is better.
        confidence: LSE-C, the median over shifts minus that minimum; higher is better.
        offset: video frames by which the audio comes late (negative: early) where the distance is smallest.
    """

    distance: float
    confidence: float
    offset: int


def sync_score(*, video: np.ndarray, audio: np.ndarray, max_shift: int = 15) -> SyncScore:
    """Compare embeddings of video windows [windows, width] and audio windows [windows, width], one per video frame.

    The longer sequence is cut. Windows beyond either end of the audio are zero vectors, as in the published
    evaluation, so numbers of short clips carry its edge effect too.

    Raises:
        ValueError: there is no window, or the widths differ.
    """
    curve = distance_curve(video=video, audio=audio, max_shift=max_shift)
    best = int(curve.argmin())
    return SyncScore(float(curve[best]), float(np.median(curve) - curve[best]), best - max_shift)


def distance_curve(*, video: np.ndarray, audio: np.ndarray, max_shift: int) -> np.ndarray:
    """Mean distance [2 max_shift + 1] of each video window to the audio window `shift` frames later.

    Raises:
        ValueError: the two have other shapes.
    """
    windows = min(len(video), len(audio))
    if not windows or video.shape[1] != audio.shape[1]:
        raise ValueError(f"embeddings do not pair: video {video.shape}, audio {audio.shape}")
    padded = np.pad(audio[:windows].astype(np.float64), ((max_shift, max_shift), (0, 0)))
    shifted = np.lib.stride_tricks.sliding_window_view(padded, windows, axis=0)  # [shifts, width, windows]
    differences = video[:windows].T.astype(np.float64) - shifted + EPSILON
    return np.sqrt((differences**2).sum(1)).mean(1)
