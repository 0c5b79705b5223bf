"""A photograph that speaks: the faces of the demo corpus.

The photograph is scikit-image's astronaut (NASA, public domain). Each frame is one backward map of it: the head moves,
the brow rises, the lower lip and jaw drop below the line of the lips, the mouth narrows for rounded sounds, and the
opened mouth is dark behind the upper teeth. Coordinates are the photograph's pixels, x to the right and y down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import skimage.data

from dubber.corpus.demo.clips import Speaker

CENTRE = (222.0, 118.0)  # of the picture
SPAN = 200.0  # pixels of the photograph that fill the picture's width
FACE_HEIGHT = 115.0  # brow to chin
MOUTH = (224.0, 140.0)  # middle of the line between its corners
HALF_WIDTH = 21.0  # of the mouth
UPPER_LIP = 3.0  # how far the upper lip's edge hangs below the corners, in the middle
TEETH = 6.0  # height of what the photograph's smile shows
JAW_END = 205.0  # below this nothing moves with the jaw
NECK, NECK_HEIGHT = 215.0, 50.0  # over this height, ending there, the head's movement fades out
BROW, BROW_SIZE = (224.0, 90.0), (30.0, 12.0)  # what is raised: middle, and standard deviations
LIPS, LIPS_SIZE = (224.0, 146.0), (20.0, 14.0)  # what is rounded
NARROWING = 0.45  # of the roundest mouth's width
JAW_WIDTH = 1.8  # half width of what drops with the jaw, in half widths of the mouth
SOFT_EDGE = 1.5  # of the dark inside the mouth
MOUTH_DARK = np.array([52.0, 18.0, 20.0], np.float32)


@dataclass(frozen=True)
class Pose:
    """One frame's movement.

    Attributes:
        opening: height of the open mouth, photograph pixels (0: closed).
        rounding: 0 spread .. 1 round.
        brow: how far the brow is raised, photograph pixels.
        nod: how far the head is moved down, photograph pixels.
        sway: how far the head is moved to the right, photograph pixels.
        tilt: rotation of the head, degrees.
    """

    opening: float
    rounding: float
    brow: float
    nod: float
    sway: float
    tilt: float


class Face:
    """One speaker's look, ready to be posed."""

    def __init__(self, speaker: Speaker, size: int) -> None:
        self.speaker, self.size = speaker, size
        self.photograph = _look(speaker)
        scale = SPAN / speaker.zoom / size
        along = (np.arange(size, dtype=np.float32) - size / 2) * np.float32(scale)
        self.x = along[None, :] + np.float32(CENTRE[0])
        self.y = along[:, None] + np.float32(CENTRE[1])

    def frame(self, pose: Pose) -> np.ndarray:
        """uint8 [size, size, 3] RGB."""
        x, y = self._move_head(pose)
        y = y + pose.brow * _bump(x, y, BROW, BROW_SIZE)
        x = x + pose.rounding * NARROWING * (x - MOUTH[0]) * _bump(x, y, LIPS, LIPS_SIZE)
        y, dark = self._open_mouth(x, y, pose.opening)
        picture = cv2.remap(
            self.photograph,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).astype(np.float32)
        shaded = picture + dark[..., None] * (MOUTH_DARK - picture)
        return np.clip(shaded + 0.5, 0, 255).astype(np.uint8)

    def _move_head(self, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """The head moves, the shoulders less: the movement fades out downwards."""
        share = np.clip((NECK - self.y) / NECK_HEIGHT, 0.0, 1.0)
        angle = np.deg2rad(pose.tilt) * share
        dx, dy = self.x - CENTRE[0], self.y - JAW_END
        x = CENTRE[0] + dx * np.cos(angle) + dy * np.sin(angle) - pose.sway * share
        y = JAW_END - dx * np.sin(angle) + dy * np.cos(angle) - pose.nod * share
        return x, y

    @staticmethod
    def _open_mouth(x: np.ndarray, y: np.ndarray, opening: float) -> tuple[np.ndarray, np.ndarray]:
        """Where each point of the opened mouth comes from, and how dark it is (0..1)."""
        q = (x - MOUTH[0]) / HALF_WIDTH
        arch = np.clip(1 - q**2, 0, None)
        upper = MOUTH[1] + UPPER_LIP * arch
        shown, wanted = TEETH * arch, opening * arch
        drop = (opening - TEETH) * np.clip(1 - (q / JAW_WIDTH) ** 2, 0, None)
        below = np.clip((y - upper - wanted) / (JAW_END - upper - wanted), 0, 1)
        source = np.where(y < upper + wanted, y, y - drop * (1 - below) ** 2)
        inside = np.clip((y - upper - shown) / SOFT_EDGE, 0, 1) * np.clip((upper + wanted - y) / SOFT_EDGE, 0, 1)
        return source, inside * (arch > 0)


def _bump(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    return np.exp(-0.5 * (((x - centre[0]) / size[0]) ** 2 + ((y - centre[1]) / size[1]) ** 2))


def _look(speaker: Speaker) -> np.ndarray:
    """The photograph in a speaker's colours; mirroring keeps the face where it is."""
    photograph = skimage.data.astronaut()
    hsv = cv2.cvtColor(photograph, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = ((hsv[..., 0].astype(int) + speaker.hue // 2) % 180).astype(np.uint8)
    coloured = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32) * speaker.gain
    if speaker.mirror:
        reach = int(2 * MOUTH[0])
        coloured[:, : reach + 1] = coloured[:, reach::-1].copy()
    return np.clip(coloured, 0, 255).astype(np.uint8)
