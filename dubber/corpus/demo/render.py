"""Rendering the demo corpus: a voice, a face that follows it, and the exact times of every phone.

The mouth follows the phones, brow and head follow the pitch. Times are in seconds from the start of the clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyworld

from dubber.corpus.demo.espeak import Interval, Speech, speak
from dubber.corpus.demo.talking_head import FACE_HEIGHT, Face, Pose
from dubber.corpus.settings import RenderSettings
from dubber.errors import ClipError
from dubber.media.video import write_video

# How far the mouth opens (share of the widest) and how round it is, by phone.
OPENING = {
    **dict.fromkeys(("AA", "AE", "AO", "AW", "AY"), 1.0),
    **dict.fromkeys(("AH", "EH", "OW", "OY", "EY"), 0.75),
    **dict.fromkeys(("ER", "IH", "UH", "HH"), 0.5),
    **dict.fromkeys(("IY", "Y", "R", "L", "K", "G", "NG", "TH", "DH"), 0.38),
    **dict.fromkeys(("UW", "W", "N", "T", "D", "S", "Z", "SH", "ZH", "CH", "JH"), 0.25),
    **dict.fromkeys(("F", "V"), 0.1),
    **dict.fromkeys(("M", "B", "P"), 0.0),
}
ROUNDING = {"UW": 1.0, "W": 1.0, "OW": 0.7, "OY": 0.6, "UH": 0.6, "AO": 0.5, "SH": 0.5, "CH": 0.4, "R": 0.4, "AW": 0.3}
REST = 0.06  # opening between words
GRID = 200  # steps a second on which the mouth's targets are laid
LIP_INERTIA = 0.025  # s, standard deviation of the smoothing of the mouth
HEAD_INERTIA = 0.15  # s, of brow and head
BROW_REACH, NOD_REACH, TILT_REACH, SWAY_REACH = 3.5, 3.0, 1.5, 2.0
LOUDNESS = 0.6  # peak of the speech, full scale 1


def render_clip(path: Path, text: str, face: Face, settings: RenderSettings, *, seed: str) -> Speech:
    """Write the video of one sentence, and give what is said in it.

    Args:
        path: of the video.
        face: whose voice and face.
        seed: of the clip's noise: its name.

    Raises:
        ClipError: the sentence does not fit into the clip's duration.
    """
    speech = placed(speak(text, face.speaker, settings.sample_rate), settings, seed=seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = (face.frame(pose) for pose in poses(speech, settings))
    write_video(path, frames, settings.fps, speech.samples, settings.sample_rate)
    return speech


def placed(speech: Speech, settings: RenderSettings, *, seed: str) -> Speech:
    """The utterance in a clip of fixed length: silence before and after, a little noise throughout.

    Raises:
        ClipError: the utterance is too long.
    """
    total, lead = (round(seconds * settings.sample_rate) for seconds in (settings.duration, settings.lead))
    if lead + len(speech.samples) > total:
        seconds = len(speech.samples) / settings.sample_rate
        raise ClipError(f"{seconds:.2f} s of speech do not fit into {settings.duration} s after {settings.lead} s")
    state = hashlib.blake2b(f"{settings.seed}:{seed}".encode(), digest_size=8).digest()
    samples = np.random.default_rng(int.from_bytes(state)).normal(0, settings.noise, total)
    samples[lead : lead + len(speech.samples)] += speech.samples * (LOUDNESS / np.abs(speech.samples).max())
    return Speech(
        samples.astype(np.float32), _shifted(speech.phones, settings.lead), _shifted(speech.words, settings.lead)
    )


def _shifted(intervals: list[Interval], seconds: float) -> list[Interval]:
    return [Interval(i.label, i.start + seconds, i.end + seconds) for i in intervals]


def poses(speech: Speech, settings: RenderSettings) -> Iterator[Pose]:
    """One pose a frame, taken at the frame's middle."""
    steps = round(settings.duration * GRID)
    opening, rounding = np.full(steps, REST), np.zeros(steps)
    for phone in speech.phones:
        span = slice(round(phone.start * GRID), round(phone.end * GRID))
        opening[span] = OPENING[phone.label]
        rounding[span] = ROUNDING.get(phone.label, 0.0)
    pitch = _liveliness(speech.samples, settings.sample_rate, steps)
    opening, rounding = _smooth(opening, LIP_INERTIA), _smooth(rounding, LIP_INERTIA)
    slow = _smooth(pitch, 2 * HEAD_INERTIA)
    for n in range(round(settings.duration * settings.fps)):
        i = min(round((n + 0.5) / settings.fps * GRID), steps - 1)
        yield Pose(
            opening=float(opening[i]) * settings.jaw * FACE_HEIGHT,
            rounding=float(rounding[i]),
            brow=BROW_REACH * float(pitch[i]),
            nod=-NOD_REACH * float(pitch[i]),
            sway=SWAY_REACH * float(slow[i]),
            tilt=TILT_REACH * float(slow[i]),
        )


def _liveliness(samples: np.ndarray, sample_rate: int, steps: int) -> np.ndarray:
    """The pitch as a movement in -1..1: log F0 against its mean, held through unvoiced sounds, smoothed."""
    f0, _ = pyworld.dio(samples.astype(np.float64), sample_rate, frame_period=1000 / GRID)
    voiced = f0 > 0
    if not voiced.any():
        return np.zeros(steps)
    log_f0 = np.interp(np.arange(steps), np.flatnonzero(voiced), np.log(f0[voiced]))
    spread = max(float(log_f0.std()), 1e-6)
    return np.clip(_smooth((log_f0 - log_f0.mean()) / (2 * spread), HEAD_INERTIA), -1, 1)


def _smooth(values: np.ndarray, seconds: float) -> np.ndarray:
    """Gaussian smoothing; the ends are held."""
    reach = max(1, round(3 * seconds * GRID))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (seconds * GRID)) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
