"""Stored pictures: JPEG bytes to arrays."""

from __future__ import annotations

import cv2
import numpy as np

from dubber.errors import ClipError


def read_grey(jpeg: bytes) -> np.ndarray:
    """uint8 [height, width].

    Raises:
        ClipError: the bytes are no picture.
    """
    return _read(jpeg, cv2.IMREAD_GRAYSCALE)


def read_colour(jpeg: bytes) -> np.ndarray:
    """uint8 [height, width, 3], in OpenCV's order: blue, green, red.

    Raises:
        ClipError: the bytes are no picture.
    """
    return _read(jpeg, cv2.IMREAD_COLOR)


def _read(jpeg: bytes, kind: int) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), kind)
    if picture is None:
        raise ClipError("a stored picture cannot be decoded")
    return picture
