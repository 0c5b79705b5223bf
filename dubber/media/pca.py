"""The embedded backend of the lip and face features: principal components of the crops, fitted on training clips.

Lips [F, 512]: the components of the normalised mouth picture and of its change in time (the speed of the mouth), each
half of the width. Face [F, 256]: the components of the face picture, and how the head moves. Shapes: F video frames.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.numpy import save_file

from dubber.errors import DubberError
from dubber.files import atomic_path
from dubber.media.pictures import read_grey
from dubber.media.settings import FeatureSettings
from dubber.settings import first_wrong
from dubber.units import FRAME_RATE

MOTION = 8  # features of the head's motion, beside the face's components
SMALLEST_SPREAD = 1e-6
SILENT_SHARE = 1e-4  # a component that varies less than so much of the first is rounding, not picture


@dataclass(frozen=True)
class Components:
    """Principal components of one kind of picture.

    Attributes:
        mean: float32 [pixels].
        axes: float32 [k, pixels]; rows of zeros where there were fewer training frames than components.
        scale: float32 [k], what each coefficient is divided by.
    """

    mean: np.ndarray
    axes: np.ndarray
    scale: np.ndarray

    def of(self, pictures: np.ndarray) -> np.ndarray:
        """float32 [F, pixels] -> [F, k]; the first coefficient has unit variance on the training frames."""
        return (pictures - self.mean) @ self.axes.T / self.scale


@dataclass(frozen=True)
class FeatureTransform:
    """What was fitted, and how to apply it."""

    settings: FeatureSettings
    mouth: Components
    mouth_change: Components
    face: Components
    motion_scale: np.ndarray

    def lips(self, jpegs: list[bytes]) -> np.ndarray:
        """F grey JPEGs -> float16 [F, 512]."""
        pictures = mouth_pictures(jpegs, self.settings)
        return _finite(np.concatenate([self.mouth.of(pictures), self.mouth_change.of(change(pictures))], axis=1))

    def faces(self, jpegs: list[bytes], boxes: np.ndarray) -> np.ndarray:
        """F colour JPEGs and float32 [F, 4] boxes -> float16 [F, 256]."""
        pictures = face_pictures(jpegs, self.settings)
        return _finite(np.concatenate([self.face.of(pictures), head_motion(boxes) / self.motion_scale], axis=1))

    def save(self, path: Path | str) -> None:
        """One safetensors file, with the settings in its metadata."""
        tensors = {
            f"{name}.{part}": np.ascontiguousarray(getattr(getattr(self, name), part), dtype=np.float32)
            for name in ("mouth", "mouth_change", "face")
            for part in ("mean", "axes", "scale")
        }
        tensors["motion_scale"] = self.motion_scale.astype(np.float32)
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata={"settings": self.settings.model_dump_json()})

    @classmethod
    def load(cls, path: Path | str) -> FeatureTransform:
        """Read what `save` wrote.

        Raises:
            DubberError: the file is missing or not a feature transform.
        """
        try:
            with safe_open(str(path), framework="numpy") as file:
                settings = FeatureSettings.model_validate(json.loads(file.metadata()["settings"]))
                read = {
                    name: Components(*(file.get_tensor(f"{name}.{part}") for part in ("mean", "axes", "scale")))
                    for name in ("mouth", "mouth_change", "face")
                }
                return cls(settings, **read, motion_scale=file.get_tensor("motion_scale"))
        except Exception as error:
            why = first_wrong(error) if isinstance(error, ValidationError) else error
            raise DubberError(
                f"A feature transform cannot be read: {why}", looked_at=path, hint="Delete it and run again."
            ) from error


def _finite(features: np.ndarray) -> np.ndarray:
    return np.clip(features, -60_000, 60_000).astype(np.float16)


def mouth_pictures(jpegs: list[bytes], settings: FeatureSettings) -> np.ndarray:
    """The crop's centre, scaled down, light and contrast normalised: float32 [F, pixels]."""
    size, side = settings.lip_crop, settings.lip_scale
    pictures = np.empty((len(jpegs), side * side), np.float32)
    for i, jpeg in enumerate(jpegs):
        picture = read_grey(jpeg)
        margin = (picture.shape[0] - size) // 2
        centre = picture[margin : margin + size, margin : margin + size]
        pictures[i] = cv2.resize(centre, (side, side), interpolation=cv2.INTER_AREA).reshape(-1)
    return _normalised(pictures, settings)


def face_pictures(jpegs: list[bytes], settings: FeatureSettings) -> np.ndarray:
    """The face in grey, scaled down, light and contrast normalised: float32 [F, pixels]."""
    side = settings.face_scale
    pictures = np.empty((len(jpegs), side * side), np.float32)
    for i, jpeg in enumerate(jpegs):
        picture = read_grey(jpeg)
        pictures[i] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA).reshape(-1)
    return _normalised(pictures, settings)


def _normalised(pictures: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Zero mean and unit contrast over the clip; centred: without the clip's mean picture."""
    pictures = (pictures - pictures.mean()) / max(float(pictures.std()), SMALLEST_SPREAD)
    return pictures - pictures.mean(axis=0) if settings.centred else pictures


def change(values: np.ndarray) -> np.ndarray:
    """The change from frame to frame, per second: central differences, [F, ...] -> [F, ...]."""
    if len(values) < 2:
        return np.zeros_like(values)
    return np.gradient(values, axis=0).astype(np.float32) * FRAME_RATE


def head_motion(boxes: np.ndarray) -> np.ndarray:
    """Place and speed of the head relative to the clip's mean, in face sizes: [F, 4] -> float32 [F, 8].

    x, y, size and distance from the mean place, then their changes per second.
    """
    size = (boxes[:, 2] - boxes[:, 0]).astype(np.float64)
    unit = max(float(size.mean()), SMALLEST_SPREAD)
    x, y = boxes[:, [0, 2]].mean(axis=1), boxes[:, [1, 3]].mean(axis=1)
    x, y, size = (x - x.mean()) / unit, (y - y.mean()) / unit, size / unit - 1
    place = np.stack([x, y, size, np.hypot(x, y)], axis=1).astype(np.float32)
    return np.concatenate([place, change(place)], axis=1)


@dataclass(frozen=True)
class Sample:
    """The training frames that the components are fitted on.

    Attributes:
        clips: the clips that are opened.
        share: of their frames (0..1).
        random: draws the frames of one clip after the other.
    """

    clips: frozenset[str]
    share: float
    random: np.random.Generator


def choose_frames(frames: Mapping[str, int], settings: FeatureSettings) -> Sample:
    """About `max_frames` frames in all.

    Every opened clip costs the decoding of all its frames, so a large corpus gives more frames of fewer clips.

    Args:
        frames: training clip -> its number of frames F; at least one.
        settings: the bounds and the seed.
    """
    random = np.random.default_rng(settings.seed)
    names = list(frames)
    share = min(1.0, settings.max_frames / sum(frames.values()))
    count = min(len(names), max(1, round(len(names) * share / settings.least_share)))
    chosen = frozenset(names[i] for i in random.choice(len(names), count, replace=False))
    return Sample(chosen, min(1.0, settings.max_frames / sum(frames[name] for name in chosen)), random)


def fit_features(crops: Iterable[Mapping[str, Any]], sample: Sample, settings: FeatureSettings) -> FeatureTransform:
    """Fit the components on a sample of the training frames.

    Args:
        crops: of the clips of the sample, and no others: `lips` and `faces`, F JPEG images each, and `box` [F * 4].
        sample: from `choose_frames`.
        settings: the widths and the pictures.

    Raises:
        DubberError: there are too few frames.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for row in crops:
        chosen = sample.random.random(len(row["lips"])) < sample.share
        mouth = mouth_pictures(row["lips"], settings)
        face = face_pictures(row["faces"], settings)
        parts.append((mouth[chosen], change(mouth)[chosen], face[chosen], head_motion(row["box"].reshape(-1, 4))))
    mouth, mouth_change, face, motion = (np.concatenate(part) for part in zip(*parts, strict=True))
    lips = settings.lip_features if settings.lip.backend == "pca" else 0
    faces = settings.face_features - MOTION if settings.face.backend == "pca" else 0
    return FeatureTransform(
        settings,
        mouth=_components(mouth, lips // 2, settings.lip_whitening, settings.seed),
        mouth_change=_components(mouth_change, lips - lips // 2, settings.lip_whitening, settings.seed),
        face=_components(face, faces, settings.face_whitening, settings.seed),
        motion_scale=np.maximum(motion.std(axis=0), SMALLEST_SPREAD).astype(np.float32),
    )


def _components(pictures: np.ndarray, count: int, whitening: float, seed: int) -> Components:
    """Randomised PCA; where there is less to see than `count`, the other axes are zero. No axes if `count` is 0."""
    if not count:
        empty = np.zeros((0, pictures.shape[1]), np.float32)
        return Components(pictures.mean(axis=0, dtype=np.float32), empty, empty[:, 0])
    possible = min(count, len(pictures) - 1, pictures.shape[1])
    if possible < 1:
        raise DubberError(f"Only {len(pictures)} training frames: too few to fit features on.")
    from sklearn.decomposition import PCA  # slow to import, and needed only where components are fitted

    found = PCA(possible, svd_solver="randomized", random_state=seed).fit(pictures)
    spread = np.maximum(np.sqrt(found.explained_variance_), SMALLEST_SPREAD)
    axes = np.zeros((count, pictures.shape[1]), np.float32)
    axes[:possible] = found.components_ * (spread > SILENT_SHARE * spread[0])[:, None]
    scale = np.ones(count, np.float32)
    scale[:possible] = spread**whitening * spread[0] ** (1 - whitening)
    return Components(found.mean_.astype(np.float32), axes, scale)
