"""Finding faces: the small interface, the embedded Haar cascades and the published landmark network behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

import cv2
import numpy as np

from dubber.errors import MissingDataError
from dubber.media.landmarks import face_of_landmarks
from dubber.media.settings import FAN_FILES, CropSettings
from dubber.media.tracking import Detection, surest

FAN = "dubber.networks.fan:Fan"  # by name: only a run that uses it imports it

SCALE_STEP = 1.1
FRONTAL, PROFILE = "haarcascade_frontalface_default.xml", "haarcascade_profileface.xml"


class FaceDetector(Protocol):
    """Finds faces in one picture."""

    name: str

    def detect(self, picture: np.ndarray, frame: int) -> list[Detection]:
        """uint8 [height, width, 3] RGB -> every face, as square boxes from brow to chin."""
        ...


def detector(settings: CropSettings) -> FaceDetector:
    """The detector that the settings name."""
    if settings.backend == "fan":
        return Landmarks(settings)
    return Haar(settings)


class Landmarks(FaceDetector):
    """S3FD and FAN: faces with 68 landmarks.

    Raises:
        MissingDataError: a weight file is missing.
        DubberError: the package is missing or of another version, or a file does not hold the published weights.
    """

    name = "fan"

    def __init__(self, settings: CropSettings) -> None:
        files = [Path(settings.fan_weights) / name for name in FAN_FILES]
        self.fan = resolve_name(FAN)(*files, settings.detection_width)

    def detect(self, picture: np.ndarray, frame: int) -> list[Detection]:
        return [face_of_landmarks(points, frame, score) for points, score in self.fan.landmarks(picture)]


class Haar(FaceDetector):
    """The cascades that come with OpenCV: frontal faces, and profiles where there is none.

    Raises:
        MissingDataError: the installed OpenCV lacks a cascade.
    """

    name = "haar"

    def __init__(self, settings: CropSettings) -> None:
        cv2.setNumThreads(1)
        self.frontal, self.profile = _cascade(FRONTAL), _cascade(PROFILE)
        self.settings = settings

    def detect(self, picture: np.ndarray, frame: int) -> list[Detection]:
        scale = min(1.0, self.settings.detection_width / picture.shape[1])
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = self._search(self.frontal, grey, frame) or self._profiles(grey, frame)
        return surest([replace(d, x=d.x / scale, y=d.y / scale, size=d.size / scale) for d in found])

    def _profiles(self, grey: np.ndarray, frame: int) -> list[Detection]:
        """Profiles that look either way; the cascade knows one way only."""
        mirrored = self._search(self.profile, np.ascontiguousarray(grey[:, ::-1]), frame)
        return self._search(self.profile, grey, frame) + [replace(d, x=grey.shape[1] - d.x) for d in mirrored]

    def _search(self, cascade: cv2.CascadeClassifier, grey: np.ndarray, frame: int) -> list[Detection]:
        smallest = round(self.settings.smallest_face * grey.shape[1])
        boxes, _, scores = cascade.detectMultiScale3(
            grey, SCALE_STEP, self.settings.neighbours, minSize=(smallest, smallest), outputRejectLevels=True
        )
        return [
            Detection(frame, x + w / 2, y + h / 2, float(w), float(score))
            for (x, y, w, h), score in zip(boxes, scores, strict=True)
        ]


def _cascade(name: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / name
    if not path.exists():
        raise MissingDataError(
            "A face cascade of OpenCV is missing.", looked_at=path, hint="opencv-python-headless 4.14 ships it."
        )
    return cv2.CascadeClassifier(str(path))
