"""Rule `ground_truth`: the recordings of a shard's test clips, in the length of their video."""

from __future__ import annotations

from dubber.artifacts import read_rows
from dubber.media.audio import fit
from dubber.runner import Input
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard, by_clip, require
from dubber.units import FRAME_SAMPLES


def ground_truth(clips: Shard, audio: Input, crops: Input) -> None:
    """Cut or pad each recording to F * 640 samples.

    Args:
        clips: the shard; clips of other splits are passed over.
        audio: its sound.
        crops: its crops, for the number of frames F.
    """
    tests = clips.tests()
    recorded = by_clip(read_rows(audio, ["clip", "samples"]), tests)
    frames = by_clip(read_rows(crops, ["clip", "n_frames"]), tests)
    with clips.writer(DUBS, "ground_truth", tests) as shard:
        for clip in tests:
            with shard.clip(clip["clip"]) as row:
                length = require(clip["clip"], frames, "crops")["n_frames"] * FRAME_SAMPLES
                row["samples"] = fit(require(clip["clip"], recorded, "samples")["samples"], length)
