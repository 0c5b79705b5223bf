"""The reference face backend: S3FD finds faces, FAN puts 68 landmarks on each (Bulat and Tzimiropoulos, 2017).

Both networks are those of the package face-alignment 1.5.0 (BSD-3-Clause), on weights from a local folder: the package
would fetch what it does not find, so nothing is handed to it before all of it is there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dubber.errors import DubberError, MissingDataError

PACKAGE, VERSION = "face-alignment", "1.5.0"
REMEDY = "`dubber fetch fan` gets both files (adrianbulat.com)."


class Fan:
    """68 landmarks of every face in a picture.

    Args:
        landmarks: FAN's weights; the package knows them by their published name.
        faces: S3FD's weights.
        detection_width: wider pictures are scaled down to this for S3FD, whose time grows with the pixels; FAN sees
            the picture itself.

    Raises:
        MissingDataError: a weight file is not there.
        DubberError: the package is not there or of another version, or a file does not hold the published weights.
    """

    def __init__(self, landmarks: Path, faces: Path, detection_width: int) -> None:
        self.detection_width = detection_width
        package = _package()
        files = landmarks.resolve(), faces.resolve()
        missing = [path.as_posix() for path in files if not path.is_file()]
        if missing:
            raise MissingDataError("The weights of FAN are missing.", looked_at=", ".join(missing), hint=REMEDY)
        try:
            self.model = _load(package, *files)
        except Exception as error:  # the unpickler stumbles over bytes in many ways
            raise DubberError(
                f"These files do not hold the published weights of S3FD and FAN: {error}",
                looked_at=landmarks.parent,
                hint=f"Delete them; {REMEDY}",
            ) from error

    def landmarks(self, picture: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """uint8 [height, width, 3] RGB -> float64 [68, 2] in pixels and S3FD's score, of every face."""
        boxes = self._faces(picture)
        found = self.model.get_landmarks_from_image(picture, detected_faces=boxes) if boxes else []
        return [(np.asarray(points, np.float64), float(box[4])) for points, box in zip(found, boxes, strict=True)]

    def _faces(self, picture: np.ndarray) -> list[np.ndarray]:
        """S3FD's faces: [x0, y0, x1, y1, score] each, pixels of the picture."""
        scale = min(1.0, self.detection_width / picture.shape[1])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return [np.asarray(box) / (*[scale] * 4, 1) for box in self.model.face_detector.detect_from_image(picture)]


def _package() -> Any:
    try:
        import face_alignment
    except ImportError as error:
        raise DubberError(
            f"The face backend 'fan' needs the package {PACKAGE}.",
            looked_at="crops.backend",
            hint=f"pip install {PACKAGE}=={VERSION} opencv-python==4.14.0.94, or set crops.backend: haar.",
        ) from error
    if version(PACKAGE) != VERSION:
        raise DubberError(
            f"The face backend 'fan' was made for {PACKAGE} {VERSION}, not {version(PACKAGE)}.",
            looked_at="crops.backend",
            hint=f"pip install {PACKAGE}=={VERSION}, or set crops.backend: haar.",
        )
    return face_alignment


def _load(package: Any, landmarks: Path, faces: Path) -> Any:
    """Both networks on the CPU, not compiled: compiling writes into the user's home and changes no number."""
    with _local_hub(landmarks):
        return package.FaceAlignment(
            package.LandmarksType.TWO_D,
            device="cpu",
            face_detector="sfd",
            face_detector_kwargs={"path_to_detector": faces.as_posix()},
            compile=False,
        )


@contextmanager
def _local_hub(weights: Path) -> Iterator[None]:
    """While it lasts, torch's hub has this file: the package takes no path for it."""
    from torch import hub

    before = hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Path(folder) / "checkpoints"
        checkpoints.mkdir()
        (checkpoints / weights.name).symlink_to(weights)
        hub.set_dir(folder)
        try:
            yield
        finally:
            hub.set_dir(before)
