"""Face and lip crops of one clip: detect, track, centre on the mouth, cut out.

The video is read three times instead of being held: once to find the face, once (its beginning) to find where in the
face the mouth moves, once to cut. Shapes: F video frames.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dubber.errors import ClipError
from dubber.files import MAX_CLIP_SECONDS
from dubber.media.faces import FaceDetector
from dubber.media.landmarks import aligned_mouth, smooth_landmarks
from dubber.media.pictures import window
from dubber.media.settings import CropSettings
from dubber.media.tracking import Detection, Track, link, smooth_boxes, speaker_track
from dubber.media.video import Probe, probe, read_frames

Frames = Callable[[], Iterator[np.ndarray]]  # reads a clip's frames from the beginning
Choice = Callable[[list[Track], int, float], Track]  # as `dubber.media.tracking.speaker_track`
LipCutter = Callable[[np.ndarray, int], np.ndarray]  # grey picture and number of a frame -> its lip crop

# In units of the face box's side, from its centre. A mouth is looked for around the first, within the second.
MOUTH_PRIOR = (0.0, 0.29)
MOUTH_SPREAD = (0.05, 0.07)
LIP_WINDOW = 0.52  # side of the lip crop
FACE_WINDOW = 1.2  # side of the face crop
MOTION_SIDE = 64  # pixels of the face in which motion is measured
MOTION_FRAMES = 250  # frames in which it is measured


@dataclass(frozen=True)
class Crops:
    """What is cut out of a clip.

    Attributes:
        lips: F JPEGs, grey, lip_size square.
        faces: F JPEGs, colour, face_size square.
        boxes: float32 [F, 4], the face as x0, y0, x1, y1 in the picture's pixels.
        detected: bool [F], whether the detector saw the face in that very frame.
        seen: share of the frames that were looked at in which it did.
        source_fps: frames per second of the file.
        width, height: of the picture, pixels.
    """

    lips: list[bytes]
    faces: list[bytes]
    boxes: np.ndarray
    detected: np.ndarray
    seen: float
    source_fps: float
    width: int
    height: int


@dataclass(frozen=True)
class FoundFaces:
    """Where faces are in a clip.

    Attributes:
        tracks: one for each face, the strongest first.
        looked_at: frames in which faces were looked for.
        n_frames: F.
    """

    tracks: list[Track]
    looked_at: int
    n_frames: int


def crop_clip(path: Path | str, settings: CropSettings, detector: FaceDetector) -> Crops:
    """Cut face and lips of the speaker out of every frame of a video.

    Raises:
        ClipError: not a video, a damaged or an endless one, or one without a face.
    """
    return crop_frames(lambda: _bounded(read_frames(path, settings.fps), settings), probe(path), settings, detector)


def _bounded(frames: Iterator[np.ndarray], settings: CropSettings) -> Iterator[np.ndarray]:
    """The frames; a clip is cut off after `MAX_CLIP_SECONDS`, whatever its header declares."""
    for n, picture in enumerate(frames):
        if n >= MAX_CLIP_SECONDS * settings.fps:
            raise ClipError(f"longer than the {MAX_CLIP_SECONDS} s that a clip may have")
        yield picture


def crop_frames(
    frames: Frames, about: Probe, settings: CropSettings, detector: FaceDetector, choose: Choice = speaker_track
) -> Crops:
    """Cut one face and its lips out of every frame.

    Args:
        frames: reads the clip from the beginning at each call, at `settings.fps`.
        about: the file that they are from.
        choose: whose face, of all that were found.

    Raises:
        ClipError: the frames cannot be read, or there is no such face.
    """
    found = find_faces(frames(), settings, detector)
    track = choose(found.tracks, found.looked_at, settings.min_found_share)
    tracked = smooth_boxes(track, found.n_frames, settings.fps, settings.smoothing)
    cut_lips = _aligned_lips(track, found.n_frames, settings) or _upright_lips(frames(), tracked, settings)
    lips, faces = _cut(frames(), tracked, cut_lips, settings)
    detected = np.isin(np.arange(found.n_frames), [d.frame for d in track.detections])
    half = tracked[:, 2:] / 2
    boxes = np.concatenate([tracked[:, :2] - half, tracked[:, :2] + half], axis=1)
    seen = len(track.detections) / found.looked_at
    return Crops(lips, faces, boxes, detected, seen, about.fps, about.width, about.height)


def find_faces(frames: Iterator[np.ndarray], settings: CropSettings, detector: FaceDetector) -> FoundFaces:
    """Look for faces in every n-th frame and in the last one, and follow each; frames uint8 [height, width, 3] RGB."""
    found: list[list[Detection]] = []
    n, looked_at = -1, -1
    picture: np.ndarray | None = None
    for n, picture in enumerate(frames):
        if n % settings.detect_every == 0:
            found.append(detector.detect(picture, n))
            looked_at = n
    if picture is not None and looked_at < n:
        found.append(detector.detect(picture, n))
    return FoundFaces(link(found, settings.fps), len(found), n + 1)


def _aligned_lips(track: Track, n_frames: int, settings: CropSettings) -> LipCutter | None:
    """The mouth in a mean face, where the detector gives landmarks."""
    if any(d.landmarks is None for d in track.detections):
        return None
    points, mouth = smooth_landmarks(track.detections, n_frames, settings.smoothing * settings.fps)
    return lambda grey, n: aligned_mouth(grey, points[n], mouth, settings.lip_size)


def _upright_lips(frames: Iterator[np.ndarray], tracked: np.ndarray, settings: CropSettings) -> LipCutter:
    """The mouth at a fixed place of the face's box, found by its motion."""
    right, down = find_mouth(itertools.islice(frames, MOTION_FRAMES), tracked)

    def cut(grey: np.ndarray, n: int) -> np.ndarray:
        x, y, size = tracked[n]
        return window(grey, x + right * size, y + down * size, LIP_WINDOW * size, settings.lip_size)

    return cut


def find_mouth(frames: Iterator[np.ndarray], tracked: np.ndarray) -> tuple[float, float]:
    """Where in the face the mouth is: the middle of what moves near the place where mouths are.

    Args:
        tracked: float32 [F, 3], centre and side of the face.

    Returns:
        x and y from the box's centre, in units of its side. Without any motion it is the usual place.
    """
    motion, before = np.zeros((MOTION_SIDE, MOTION_SIDE), np.float64), None
    for picture, (x, y, size) in zip(frames, tracked, strict=False):
        face = window(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), x, y, size, MOTION_SIDE).astype(np.float64)
        if before is not None:
            motion += np.abs(face - before)
        before = face
    axis = (np.arange(MOTION_SIDE) + 0.5) / MOTION_SIDE - 0.5
    near = np.exp(-0.5 * ((axis - MOUTH_PRIOR[0]) / (2 * MOUTH_SPREAD[0])) ** 2)[None, :]
    near = near * np.exp(-0.5 * ((axis - MOUTH_PRIOR[1]) / (2 * MOUTH_SPREAD[1])) ** 2)[:, None]
    excess = np.clip(motion - np.median(motion), 0, None) * near
    if excess.sum() <= 1e-9:
        return MOUTH_PRIOR
    excess /= excess.sum()
    x, y = float((excess.sum(0) * axis).sum()), float((excess.sum(1) * axis).sum())
    return (_near(x, MOUTH_PRIOR[0], MOUTH_SPREAD[0]), _near(y, MOUTH_PRIOR[1], MOUTH_SPREAD[1]))


def _near(value: float, prior: float, spread: float) -> float:
    return float(np.clip(value, prior - spread, prior + spread))


def _cut(
    frames: Iterator[np.ndarray], tracked: np.ndarray, cut_lips: LipCutter, settings: CropSettings
) -> tuple[list[bytes], list[bytes]]:
    lips, faces = [], []
    for n, (picture, (x, y, size)) in enumerate(zip(frames, tracked, strict=True)):
        lip = cut_lips(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), n)
        face = window(picture, x, y, FACE_WINDOW * size, settings.face_size)
        lips.append(_jpeg(lip, settings.jpeg_quality))
        faces.append(_jpeg(cv2.cvtColor(face, cv2.COLOR_RGB2BGR), settings.jpeg_quality))
    return lips, faces


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ClipError("a crop cannot be encoded")
    return encoded.tobytes()
