"""Finding faces: the embedded Haar cascades, and FAN landmarks behind the same small interface."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from dubber.errors import DubberError, MissingDataError
from dubber.media.settings import CropSettings
from dubber.media.tracking import Detection, surest

SCALE_STEP = 1.1
FRONTAL, PROFILE = "haarcascade_frontalface_default.xml", "haarcascade_profileface.xml"
BROWS, CHIN = slice(17, 27), 8  # of 68 landmarks


class FaceDetector(Protocol):
    """Finds faces in one picture."""

    name: str

    def detect(self, picture: np.ndarray, frame: int) -> list[Detection]:
        """uint8 [height, width, 3] RGB -> every face, as square boxes from brow to chin."""
        ...


def detector(settings: CropSettings) -> FaceDetector:
    """The detector that the settings name."""
    return Fan() if settings.backend == "fan" else Haar(settings)


class Haar:
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
    path = Path(cv2.data.haarcascades) / name
    if not path.exists():
        raise MissingDataError(
            "A face cascade of OpenCV is missing.", looked_at=path, hint="opencv-python-headless 4.14 ships it."
        )
    return cv2.CascadeClassifier(str(path))


class Fan:
    """68 landmarks by FAN (package face-alignment, which fetches its weights); the box is like Haar's."""

    name = "fan"

    def __init__(self) -> None:
        try:
            import face_alignment
        except ImportError as error:
            raise DubberError(
                "The face backend 'fan' needs the package face-alignment.",
                looked_at="crops.backend",
                hint="pip install face-alignment==1.5.0, or set crops.backend: haar.",
            ) from error
        self.model = face_alignment.FaceAlignment(face_alignment.LandmarksType.TWO_D, device="cpu")

    def detect(self, picture: np.ndarray, frame: int) -> list[Detection]:
        return [box_of_landmarks(points, frame) for points in self.model.get_landmarks(picture) or []]


def box_of_landmarks(points: np.ndarray, frame: int) -> Detection:
    """The face around 68 landmarks [68, 2].

    A Haar box reaches from the middle of the forehead to the chin's tip: about 1.25 times brow to chin.
    """
    points = np.asarray(points, np.float64)
    brow, chin = points[BROWS].mean(axis=0), points[CHIN]
    side = 1.25 * np.linalg.norm(chin - brow)
    centre = brow + 0.42 * (chin - brow)
    return Detection(frame, float(centre[0]), float(centre[1]), float(side), landmarks=points)
