"""A mouth crop aligned to a mean face, from 68 landmarks (numbered as in iBUG 300-W).

Every frame is turned, scaled and moved so that its eyes and nose are where the mean face has them, then the square
around the mouth's usual place is cut out: head motion is gone, lip motion stays. Shapes: F video frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dubber.media.pictures import similarity, warp
from dubber.media.tracking import Detection, smooth

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = slice(36, 42), slice(42, 48), slice(31, 36), slice(48, 68)
# The mean face: eyes' centres, nose's base; origin between the eyes, unit: the distance of the eyes.
MEAN_FACE = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, 0.75)])
BROWS, CHIN = slice(17, 27), 8
LIP_SIDE = 1.77  # side of the lip crop, distances of the eyes, as in the crops of the published lip-reading network


def face_of_landmarks(points: np.ndarray, frame: int, score: float = 1.0) -> Detection:
    """The face around 68 landmarks [68, 2], in a box like Haar's.

    That reaches from the middle of the forehead to the chin's tip: about 1.25 times brow to chin.
    """
    brow, chin = points[BROWS].mean(axis=0), points[CHIN]
    side = 1.25 * np.linalg.norm(chin - brow)
    centre = brow + 0.42 * (chin - brow)
    return Detection(frame, float(centre[0]), float(centre[1]), float(side), score, landmarks=points)


def rigid_points(landmarks: np.ndarray) -> np.ndarray:
    """The points that speech does not move: [68, 2] -> [3, 2], the centres of both eyes and the nose's base."""
    return np.stack([landmarks[part].mean(axis=0) for part in (RIGHT_EYE, LEFT_EYE, NOSE)])


def smooth_landmarks(detections: Sequence[Detection], n_frames: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Eyes and nose in every frame, and the mouth's mean place in the mean face.

    Args:
        detections: of one face, with landmarks, in the order of their frames.
        sigma: standard deviation of the smoothing, frames.

    Returns:
        float64 [F, 3, 2] in pixels of the video, float64 [2] in distances of the eyes.
    """
    known = [(d.frame, d.landmarks) for d in detections if d.landmarks is not None]
    times = [frame for frame, _ in known]
    seen = np.stack([rigid_points(landmarks) for _, landmarks in known]).reshape(len(times), -1)
    frames = np.arange(n_frames)
    points = np.stack([smooth(np.interp(frames, times, column), sigma) for column in seen.T], axis=1)
    mouths = []
    for _, landmarks in known:
        matrix = similarity(rigid_points(landmarks), MEAN_FACE)
        mouths.append(matrix[:, :2] @ landmarks[MOUTH].mean(axis=0) + matrix[:, 2])
    return points.reshape(n_frames, 3, 2), np.mean(mouths, axis=0)


def aligned_mouth(picture: np.ndarray, points: np.ndarray, mouth: np.ndarray, pixels: int) -> np.ndarray:
    """The mouth of one frame as it would be in the mean face.

    Args:
        picture: uint8 [height, width] or [height, width, 3].
        points: [3, 2], eyes and nose in the picture.
        mouth: [2], the crop's centre in the mean face.
        pixels: side of the crop.
    """
    scale = pixels / LIP_SIDE
    matrix = similarity(points, (MEAN_FACE - mouth) * scale + pixels / 2)
    return warp(picture, matrix, pixels)
