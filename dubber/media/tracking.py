"""From detections in some frames to one smooth box in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dubber.errors import ClipError

SAME_FACE = 0.4  # overlap (intersection over union) that makes detections of two moments one face
SAME_PLACE = 0.2  # overlap of two detections in one frame of which only the surer is kept
PATIENCE = 1.5  # s for which a track may be lost
SIZE_INERTIA = 4.0  # a face's size changes so many times slower than its place


@dataclass(frozen=True)
class Detection:
    """A face in one frame.

    Attributes:
        frame: its number.
        x, y, size: centre and side of the square box, pixels.
        score: how sure the detector is; comparable within one detector.
        landmarks: float64 [68, 2] pixels, where the detector gives them.
    """

    frame: int
    x: float
    y: float
    size: float
    score: float = 1.0
    landmarks: np.ndarray | None = None


@dataclass
class Track:
    """One face through time."""

    detections: list[Detection] = field(default_factory=list)

    @property
    def weight(self) -> float:
        """Area times sureness, over time: the largest face that stays longest is the speaker."""
        return sum(d.size**2 * max(d.score, 0.0) for d in self.detections)


def overlap(a: Detection, b: Detection) -> float:
    """Intersection over union of two boxes."""
    width = min(a.x + a.size / 2, b.x + b.size / 2) - max(a.x - a.size / 2, b.x - b.size / 2)
    height = min(a.y + a.size / 2, b.y + b.size / 2) - max(a.y - a.size / 2, b.y - b.size / 2)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a.size**2 + b.size**2 - width * height)


def surest(detections: Sequence[Detection]) -> list[Detection]:
    """Without those that overlap a surer one of the same frame."""
    kept: list[Detection] = []
    for found in sorted(detections, key=lambda d: -d.score):
        if all(overlap(found, other) < SAME_PLACE for other in kept):
            kept.append(found)
    return kept


def link(frames: Sequence[Sequence[Detection]], fps: float) -> list[Track]:
    """Join detections of successive frames into tracks, the strongest first."""
    tracks: list[Track] = []
    for detections in frames:
        for found in sorted(detections, key=lambda d: -d.size):
            near = [track for track in tracks if 0 < found.frame - track.detections[-1].frame <= PATIENCE * fps]
            best = max(near, key=lambda track: overlap(track.detections[-1], found), default=None)
            if best is not None and overlap(best.detections[-1], found) >= SAME_FACE:
                best.detections.append(found)
            else:
                tracks.append(Track([found]))
    return sorted(tracks, key=lambda track: -track.weight)


def smooth_boxes(track: Track, n_frames: int, fps: float, inertia: float) -> np.ndarray:
    """A box for every frame: interpolated between detections, then smoothed.

    Args:
        inertia: standard deviation of the smoothing, s.

    Returns:
        float32 [F, 3]: centre x, centre y, side; pixels.
    """
    times = [d.frame for d in track.detections]
    frames = np.arange(n_frames)
    x, y, size = (np.interp(frames, times, [getattr(d, name) for d in track.detections]) for name in ("x", "y", "size"))
    sigma = inertia * fps
    smoothed = [smooth(x, sigma), smooth(y, sigma), smooth(size, SIZE_INERTIA * sigma)]
    return np.stack(smoothed, axis=1).astype(np.float32)


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth [F] values by a Gaussian window of `sigma` frames that leaves parabolas as they are.

    A plain Gaussian would cut the corners of a moving head's path; its fourth-order form does not.
    """
    reach = max(1, round(3 * sigma))
    time = np.arange(-reach, reach + 1) / sigma
    kernel = np.exp(-0.5 * time**2) * (3 - time**2)
    padded = (
        np.pad(values, reach, mode="reflect", reflect_type="odd") if len(values) > 1 else values.repeat(2 * reach + 1)
    )
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def speaker_track(tracks: list[Track], looked_at: int, min_found_share: float) -> Track:
    """The track of the speaker.

    Raises:
        ClipError: no face, or one in too few of the frames that were looked at.
    """
    if not tracks:
        raise ClipError(f"no face found in {looked_at} frames")
    best = tracks[0]
    if len(best.detections) < min_found_share * looked_at:
        raise ClipError(f"a face in only {len(best.detections)} of {looked_at} frames")
    return best
