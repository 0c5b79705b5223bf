"""Sound for a codec, in the length of its video."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dubber.artifacts import read_rows
from dubber.media.audio import fit, from_pcm
from dubber.units import FRAME_SAMPLES


def sounds(audio: Path, crops: Path | None) -> dict[str, np.ndarray]:
    """The sound of every clip that has one, float32 [samples] at 16 kHz.

    With crops, a clip has exactly F * 640 samples, and clips without crops are left out.
    """
    samples = {row["clip"]: row["samples"] for row in read_rows(audio, ["clip", "samples"])}
    if crops is not None:
        frames = {row["clip"]: row["n_frames"] for row in read_rows(crops, ["clip", "n_frames"])}
        samples = {clip: fit(samples[clip], n * FRAME_SAMPLES) for clip, n in frames.items() if clip in samples}
    return {clip: from_pcm(values) for clip, values in samples.items()}
