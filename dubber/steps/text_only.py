"""Rule `text_only`: the control without video: stage 1 alone speaks the text, stretched to the clip's length."""

from __future__ import annotations

from dubber.artifacts import read_rows
from dubber.corpus.manifest import reference_clip, reference_clips
from dubber.dub.text_synthesiser import TextSynthesiser
from dubber.runner import Input, Inputs
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard, by_clip, require
from dubber.steps.speech import Speaking, speak


def text_only(clips: Shard, speaking: Speaking, crops: Input, voices: Inputs) -> None:
    """Speak each test clip's text with the teacher, which knows the video's length alone.

    Durations are the teacher's own, stretched to the clip's T. The prompt is the middle of the reference speech.

    Args:
        clips: the shard; clips of other splits are passed over.
        speaking: the teacher.
        crops: of the same shard, for the number of frames F.
        voices: token shards that hold the reference speech.
    """
    synthesiser = TextSynthesiser(speaking.model, speaking.prepare(), speaking.settings)
    protocol, tests = speaking.protocol, clips.tests()
    frames = by_clip(read_rows(crops, ["clip", "n_frames"]), tests)
    found = by_clip((row for path in voices for row in read_rows(path)), reference_clips(tests, protocol))
    requests = []
    with clips.writer(DUBS, "text_only", tests) as shard:
        for row in tests:
            with shard.attempt(row["clip"]):
                voice = require(reference_clip(row, protocol), found, "tokens of the reference")
                n_frames = require(row["clip"], frames, "crops")["n_frames"]
                requests.append(synthesiser.request(row, n_frames, voice))
        speak(shard, synthesiser, requests)
