"""Rule `same_voice`: the control that says something else: another recording of each test clip's speaker."""

from __future__ import annotations

from dubber.artifacts import read_rows
from dubber.corpus.manifest import reference_clip, reference_clips
from dubber.media.audio import fit
from dubber.runner import Input, Inputs
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard, by_clip, require


def same_voice(clips: Shard, truth: Input, references: Inputs) -> None:
    """Put the reference of protocol 2.0 in the place of each clip, cut or padded to the length of its recording.

    Args:
        clips: the shard; clips of other splits are passed over.
        truth: the recordings, of `dubber.steps.ground_truth`, for their lengths.
        references: audio shards that hold the references.
    """
    tests = clips.tests()
    own = by_clip(read_rows(truth, ["clip", "samples"]), tests)
    rows = (row for path in references for row in read_rows(path, ["clip", "samples"]))
    others = by_clip(rows, reference_clips(tests, "2.0"))
    with clips.writer(DUBS, "same_voice", tests) as shard:
        for clip in tests:
            with shard.clip(clip["clip"]) as row:
                length = len(require(clip["clip"], own, "samples")["samples"])
                other = require(reference_clip(clip, "2.0"), others, "audio of the reference")
                row["samples"] = fit(other["samples"], length)
