"""The voice to speak in: a few seconds of reference speech, from any sound or video file."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from dubber.codec.base import Codec
from dubber.errors import ClipError, DubberError
from dubber.media.audio import SAMPLE_RATE, loudest, sound_blocks

log = logging.getLogger(__name__)

SHORTEST = 1.0  # s of reference speech
LONGEST = 15.0  # s of it that are listened to
QUIETEST = -60.0  # dBFS of its loudest 50 ms


def speaker_of(path: Path | str, codec: Codec) -> np.ndarray:
    """The timbre vector float32 [S] of the speech in a file, from its first `LONGEST` seconds.

    Raises:
        DubberError: the file cannot be read, or the speech is too short, silent or no speech.
    """
    try:
        wav = _read(path)
        if len(wav) < SHORTEST * SAMPLE_RATE:
            raise ClipError(f"it has {len(wav) / SAMPLE_RATE:.2f} s, and at least {SHORTEST:.0f} s are needed")
        if loudest(wav) < QUIETEST:
            raise ClipError(f"it is silent: its loudest 50 ms have {loudest(wav):.0f} dBFS")
        return codec.encode(wav).speaker
    except ClipError as error:
        raise DubberError(
            f"The reference speech cannot be used: {error.what}.",
            looked_at=path,
            hint=f"Any sound or video file with {SHORTEST:.0f} to {LONGEST:.0f} s of one person's clear speech does.",
        ) from error


def _read(path: Path | str) -> np.ndarray:
    """float32 [n] at 16 kHz."""
    blocks, length = [], 0
    for block in sound_blocks(path, SAMPLE_RATE, 1):
        blocks.append(block[0])
        length += block.shape[1]
        if length >= LONGEST * SAMPLE_RATE:
            log.info("the first %.0f s of the reference are listened to", LONGEST)
            break
    wav = np.concatenate(blocks)[: round(LONGEST * SAMPLE_RATE)] if blocks else np.zeros(0, np.float32)
    if not np.isfinite(wav).all():
        raise ClipError("the sound holds values that are not numbers")
    return np.clip(wav, -1, 1)
