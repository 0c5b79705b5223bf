"""The lip and the face stream of a features artifact: each from its own backend, behind one small interface.

Shapes: F video frames, D the stream's width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol

import numpy as np

from dubber.errors import ClipError, DubberError
from dubber.media.pca import FeatureTransform
from dubber.media.settings import FeatureSettings, ImportedStream, LipReadingStream

# Backends beside the embedded one, by name: only a run that uses one imports it.
LIP_READER = "dubber.media.lip_reader:LipReader"
IMPORTED = "dubber.media.imported_features:Imported"

LARGEST = float(np.finfo(np.float16).max)  # features are stored as half floats


@dataclass(frozen=True)
class StreamFeatures:
    """One clip's features.

    Attributes:
        values: float16 [F, D].
        made_by: the backend, and the digest of the file that decided the numbers where there is one.
    """

    values: np.ndarray
    made_by: str


class Stream(Protocol):
    """Turns a clip's crops into one stream of features."""

    columns: tuple[str, ...]
    """Columns of the crops that it reads, beside `clip` and `n_frames`."""
    width: int
    """D."""

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        """A row of the crops -> its features.

        Raises:
            ClipError: this clip has none.
        """
        ...


@dataclass(frozen=True)
class Streams:
    """Both streams of a features artifact."""

    lips: Stream
    faces: Stream


def build_streams(settings: FeatureSettings, transform: Path | str | None = None) -> Streams:
    """Load what the settings name.

    Args:
        transform: the fitted transform, where a stream has the backend `pca`.

    Raises:
        MissingDataError: published weights or a folder of features are not there.
        DubberError: a weight file or a transform cannot be used.
    """
    lip, face = settings.lip, settings.face
    if isinstance(lip, LipReadingStream):
        lips: Stream = resolve_name(LIP_READER)(lip)
    elif isinstance(lip, ImportedStream):
        lips = resolve_name(IMPORTED)(lip, settings.lip_features, "lip")
    else:
        lips = FittedLips(_fitted(transform))
    if isinstance(face, ImportedStream):
        faces: Stream = resolve_name(IMPORTED)(face, settings.face_features, "face")
    else:
        faces = FittedFaces(_fitted(transform))
    return Streams(lips, faces)


def _fitted(transform: Path | str | None) -> FeatureTransform:
    if transform is None:
        raise DubberError("Features of the backend 'pca' need their fitted transform.", looked_at="--transform")
    return FeatureTransform.load(transform)


class FittedLips(Stream):
    """Principal components of the mouth pictures."""

    columns: tuple[str, ...] = ("lips",)

    def __init__(self, transform: FeatureTransform) -> None:
        self.transform, self.width = transform, transform.settings.lip_features

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        return StreamFeatures(self.transform.lips(crops["lips"]), "pca")


class FittedFaces(Stream):
    """Principal components of the face pictures, and the head's motion."""

    columns: tuple[str, ...] = ("faces", "box")

    def __init__(self, transform: FeatureTransform) -> None:
        self.transform, self.width = transform, transform.settings.face_features

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        return StreamFeatures(self.transform.faces(crops["faces"], crops["box"].reshape(-1, 4)), "pca")


def as_half(values: np.ndarray, name: str) -> np.ndarray:
    """float16 [F, D].

    Raises:
        ClipError: a value is not finite, or too large for a half float.
    """
    if not np.isfinite(values).all():
        raise ClipError(f"{name} features: not every value is finite")
    if np.abs(values).max(initial=0) > LARGEST:
        raise ClipError(f"{name} features: a value is larger than {LARGEST:.0f}, the largest half float")
    return values.astype(np.float16)
