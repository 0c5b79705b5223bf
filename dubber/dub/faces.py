"""Whose lips are dubbed, where there are several faces: they are numbered from left to right."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from dubber.errors import ClipError
from dubber.media.crops import Choice, Crops
from dubber.media.tracking import Track

log = logging.getLogger(__name__)

PANEL_WIDTH = 640  # pixels of one part of the picture of faces
ENOUGH = 0.9  # share of the pictures in which a face is to be found
CAPTION = 28  # pixels of its title
CHOSEN, OTHER, PAPER, INK = (255, 160, 0), (0, 200, 255), 255, (0, 0, 0)


def lasting(tracks: Sequence[Track], looked_at: int, min_found_share: float) -> list[Track]:
    """The faces that can be dubbed: seen in enough of the frames that were looked at, from left to right."""
    kept = [track for track in tracks if len(track.detections) >= min_found_share * looked_at]
    return sorted(kept, key=lambda track: float(np.mean([d.x for d in track.detections])))


def say_how_much_was_seen(name: str, crops: Crops) -> None:
    """The share of a cue in which its face was found; a warning where other things may be taken for lips."""
    share = 100 * crops.seen
    if crops.seen >= ENOUGH:
        log.info("%s: its face was found in %.0f %% of the pictures that were looked at", name, share)
        return
    log.warning(
        "%s: its face was found in only %.0f %% of the pictures that were looked at. Elsewhere something else may be "
        "taken for lips: name a part in which the face is seen (--start, --end, or the times of the subtitles).",
        name,
        share,
    )


def numbered(number: int) -> Choice:
    """Choose face `number`, counted from 1 at the left."""

    def choose(tracks: list[Track], looked_at: int, min_found_share: float) -> Track:
        faces = lasting(tracks, looked_at, min_found_share)
        if not 1 <= number <= len(faces):
            there = "no face was found" if not faces else f"{len(faces)} found, counted from the left"
            raise ClipError(f"there is no face {number}: {there}")
        return faces[number - 1]

    return choose


def panel(picture: np.ndarray, faces: Sequence[Track], chosen: Track | None, caption: str, frame: int) -> np.ndarray:
    """A frame with its numbered faces.

    Args:
        picture: uint8 [height, width, 3] RGB, frame number `frame`.
        faces: as `lasting` gives them; `chosen` is the one that is dubbed if none is named.

    Returns:
        uint8 [height, `PANEL_WIDTH`, 3] RGB.
    """
    scale = PANEL_WIDTH / picture.shape[1]
    small = cv2.resize(picture, (PANEL_WIDTH, round(picture.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    for number, track in enumerate(faces, start=1):
        box = min(track.detections, key=lambda d: abs(d.frame - frame))
        top_left, bottom_right = (
            (round((box.x + side * box.size / 2) * scale), round((box.y + side * box.size / 2) * scale))
            for side in (-1, 1)
        )
        colour = CHOSEN if track is chosen else OTHER
        cv2.rectangle(small, top_left, bottom_right, colour, 2)
        _write(small, str(number), (top_left[0] + 4, top_left[1] + 28), 1.0, colour)
    title = np.full((CAPTION, PANEL_WIDTH, 3), PAPER, np.uint8)
    _write(title, caption.encode("ascii", "replace").decode(), (6, 19), 0.5, INK)
    return np.concatenate([title, small])


def _write(picture: np.ndarray, text: str, place: tuple[int, int], size: float, colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1 if size < 1 else 2, cv2.LINE_AA)


def sheet(panels: Iterable[np.ndarray]) -> bytes:
    """Panels one above the other, as a PNG.

    Raises:
        ClipError: OpenCV cannot encode the picture.
    """
    picture = np.concatenate(list(panels))
    done, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ClipError("the picture of the faces cannot be encoded")
    return png.tobytes()
