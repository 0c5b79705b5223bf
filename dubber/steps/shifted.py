"""Rule `shifted`: the control that is late: the recordings of a shard's test clips, 0.32 s after the video."""

from __future__ import annotations

import numpy as np

from dubber.artifacts import read_rows
from dubber.errors import ClipError
from dubber.runner import Input
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard, by_clip, require
from dubber.units import FRAME_RATE, FRAME_SAMPLES

SHIFT = 8  # video frames, 0.32 s: clearly out of sync, yet shorter than a word or two


def shifted(clips: Shard, truth: Input) -> None:
    """Delay each recording; its end is cut off.

    Args:
        clips: the shard; clips of other splits are passed over.
        truth: the recordings, of `dubber.steps.ground_truth`.
    """
    tests = clips.tests()
    recorded = by_clip(read_rows(truth, ["clip", "samples"]), tests)
    with clips.writer(DUBS, "shifted", tests) as shard:
        for clip in tests:
            with shard.clip(clip["clip"]) as row:
                row["samples"] = delayed(require(clip["clip"], recorded, "samples")["samples"], SHIFT)


def delayed(samples: np.ndarray, frames: int) -> np.ndarray:
    """Samples [L] at 16 kHz, `frames` video frames later, of the same length.

    Raises:
        ClipError: nothing of the clip would be left.
    """
    late = frames * FRAME_SAMPLES
    if len(samples) <= late:
        raise ClipError(f"the clip is not longer than the delay of {frames / FRAME_RATE:.2f} s")
    return np.concatenate([np.zeros(late, samples.dtype), samples[:-late]])
