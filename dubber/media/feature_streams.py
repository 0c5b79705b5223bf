"""The lip and the face stream of a features artifact: each from its own backend, behind one small interface.

Letters: F video frames, D the stream's width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dubber.errors import ClipError, DubberError
from dubber.media.imported_files import feature_file, require_folder
from dubber.media.jpeg import read_grey
from dubber.media.pca import FeatureTransform
from dubber.media.settings import LIPREADING_WIDTH, FeatureSettings, ImportedStream, LipReadingStream
from dubber.provenance import file_digest

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
        """A row of the crops -> its features; a `ClipError` where this clip has none."""
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
    fitted = FeatureTransform.load(_required(transform)) if settings.is_fitted else None
    lips, faces = settings.lip, settings.face
    match lips:
        case LipReadingStream():
            lip_stream: Stream = LipReader(lips)
        case ImportedStream():
            lip_stream = Imported(lips, settings.lip_features, "lip")
        case _:
            lip_stream = FittedLips(fitted)
    face_stream = Imported(faces, settings.face_features, "face") if faces.backend == "import" else FittedFaces(fitted)
    return Streams(lip_stream, face_stream)


def _required(transform: Path | str | None) -> Path | str:
    if transform is None:
        raise DubberError("Features of the backend 'pca' need their fitted transform.", looked_at="--transform")
    return transform


class FittedLips:
    """Principal components of the mouth pictures."""

    columns = ("lips",)

    def __init__(self, transform: FeatureTransform) -> None:
        self.transform, self.width = transform, transform.settings.lip_features

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        return StreamFeatures(self.transform.lips(crops["lips"]), "pca")


class FittedFaces:
    """Principal components of the face pictures, and the head's motion."""

    columns = ("faces", "box")

    def __init__(self, transform: FeatureTransform) -> None:
        self.transform, self.width = transform, transform.settings.face_features

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        return StreamFeatures(self.transform.faces(crops["faces"], crops["box"].reshape(-1, 4)), "pca")


class LipReader:
    """The published lip-reading ResNet-18 on the middle of the grey lip crops.

    Raises:
        MissingDataError: its weights are not there.
        DubberError: the file is not the published one.
    """

    columns = ("lips",)
    width = LIPREADING_WIDTH

    def __init__(self, settings: LipReadingStream) -> None:
        from dubber.networks.lip_reading import SIDE, load_lipreading  # loads torch, which the other backends spare

        self.side = SIDE
        self.network: Callable = load_lipreading(settings.weights, settings.activation)
        self.made_by = f"resnet18 {file_digest(settings.weights)}"

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        import torch

        with torch.inference_mode():
            values = self.network(torch.from_numpy(mouth_middles(crops["lips"], self.side)).float()).numpy()
        return StreamFeatures(_as_half(values, "lip"), self.made_by)


def mouth_middles(jpegs: list[bytes], side: int) -> np.ndarray:
    """The middle of F grey pictures: uint8 [F, side, side]."""
    pictures = np.empty((len(jpegs), side, side), np.uint8)
    for i, jpeg in enumerate(jpegs):
        picture = read_grey(jpeg)
        top, left = ((size - side) // 2 for size in picture.shape)
        pictures[i] = picture[top : top + side, left : left + side]
    return pictures


class Imported:
    """A user's own features: one `<clip>.npy` of floats [F, D] for every clip.

    Args:
        width: D.
        name: "lip" or "face", for the reasons of failures.

    Raises:
        MissingDataError: the folder is not there.
    """

    columns = ()

    def __init__(self, settings: ImportedStream, width: int, name: str) -> None:
        self.folder, self.tolerance, self.width, self.name = Path(settings.folder), settings.tolerance, width, name
        require_folder(self.folder)

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        path = feature_file(self.folder, crops["clip"])
        if not path.is_file():
            raise ClipError(f"no {self.name} features: {path.name} is not in {self.folder}")
        values = self._fitted(self._read(path), crops["n_frames"], path.name)
        return StreamFeatures(_as_half(values, self.name), f"import {file_digest(path)}")

    def _read(self, path: Path) -> np.ndarray:
        """Floats [any number of frames, D]."""
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ClipError(f"{self.name} features: {path.name} cannot be read: {error}") from error
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            kind = getattr(values, "dtype", type(values).__name__)
            raise ClipError(f"{self.name} features: {path.name} holds {kind}, not floats")
        if values.ndim != 2 or values.shape[1] != self.width:
            shape = list(values.shape)
            raise ClipError(f"{self.name} features: {path.name} is {shape}, expected [frames, {self.width}]")
        return values

    def _fitted(self, values: np.ndarray, n_frames: int, name: str) -> np.ndarray:
        """[F, D]; within the tolerance, the last frame is repeated or the rest is cut off."""
        if not len(values) or abs(len(values) - n_frames) > self.tolerance:
            raise ClipError(f"{self.name} features: {name} has {len(values)} frames, the clip {n_frames}")
        return values[np.minimum(np.arange(n_frames), len(values) - 1)]


def _as_half(values: np.ndarray, name: str) -> np.ndarray:
    """float16 [F, D].

    Raises:
        ClipError: a value is not finite, or too large for a half float.
    """
    if not np.isfinite(values).all():
        raise ClipError(f"{name} features: not every value is finite")
    if np.abs(values).max(initial=0) > LARGEST:
        raise ClipError(f"{name} features: a value is larger than {LARGEST:.0f}, the largest half float")
    return values.astype(np.float16)
