"""Pictures as arrays: read from JPEG, and squares cut out at any place, scale and angle."""

from __future__ import annotations

import math

import cv2
import numpy as np

from dubber.errors import ClipError


def window(picture: np.ndarray, x: float, y: float, side: float, pixels: int) -> np.ndarray:
    """The upright square of `side` around (x, y), scaled to `pixels`; beyond the picture its edge is repeated.

    Args:
        picture: uint8 [height, width] or [height, width, 3].
    """
    scale = pixels / side
    return warp(picture, np.array([[scale, 0, pixels / 2 - x * scale], [0, scale, pixels / 2 - y * scale]]), pixels)


def warp(picture: np.ndarray, matrix: np.ndarray, pixels: int) -> np.ndarray:
    """Map a picture into a square of `pixels` by a similarity [2, 3]; what shrinks is averaged, not skipped."""
    shrink = max(1, math.ceil(1 / np.hypot(*matrix[:, 0]) - 1e-6))
    size = (pixels * shrink, pixels * shrink)
    large = cv2.warpAffine(picture, matrix * shrink, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return large if shrink == 1 else cv2.resize(large, (pixels, pixels), interpolation=cv2.INTER_AREA)


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, uniform scale and shift that bring `source` nearest to `target` (least squares).

    Args:
        source, target: [n, 2].

    Returns:
        float64 [2, 3]: target is about `matrix[:, :2] @ source + matrix[:, 2]`.
    """
    from_mean, to_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = (source - from_mean) @ (1, 1j), (target - to_mean) @ (1, 1j)
    turn = np.vdot(a, b) / np.vdot(a, a)
    matrix = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([matrix, to_mean - matrix @ from_mean])


def read_grey(jpeg: bytes) -> np.ndarray:
    """uint8 [height, width].

    Raises:
        ClipError: the bytes are not a picture.
    """
    return _read(jpeg, cv2.IMREAD_GRAYSCALE)


def read_colour(jpeg: bytes) -> np.ndarray:
    """uint8 [height, width, 3], in OpenCV's order: blue, green, red.

    Raises:
        ClipError: the bytes are not a picture.
    """
    return _read(jpeg, cv2.IMREAD_COLOR)


def _read(jpeg: bytes, kind: int) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), kind)
    if picture is None:
        raise ClipError("a stored picture cannot be decoded")
    return picture
