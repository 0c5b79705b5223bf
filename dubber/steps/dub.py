"""Rule `dub`: a shard's test clips, dubbed by a trained student."""

from __future__ import annotations

from dubber.artifacts import read_rows
from dubber.corpus.manifest import reference_clip, reference_clips
from dubber.dub.synthesise import Synthesiser
from dubber.runner import Input, Inputs
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard, by_clip, require
from dubber.steps.speech import Speaking, clip_request, speak, speakers


def dub(clips: Shard, speaking: Speaking, features: Input, tokens: Input, voices: Inputs) -> None:
    """Dub each test clip from its video's features, its text and the reference voice.

    The same command gives the same speech: a batch's seed is made of the setting `seed` and of the clips' names.

    Args:
        clips: the shard; clips of other splits are passed over.
        speaking: the student.
        features: of the same shard.
        tokens: of the same shard; in protocol 1.0 they hold the reference voices.
        voices: token shards that hold the reference voices in protocol 2.0.
    """
    synthesiser = Synthesiser(speaking.model, speaking.prepare(), speaking.settings)
    protocol, tests = speaking.protocol, clips.tests()
    stored = by_clip(read_rows(features), tests)
    found = speakers([tokens] if protocol == "1.0" else voices, reference_clips(tests, protocol))
    requests = []
    with clips.writer(DUBS, "dub", tests) as shard:
        for row in tests:
            with shard.attempt(row["clip"]):
                voice = require(reference_clip(row, protocol), found, "tokens of the reference")
                requests.append(clip_request(synthesiser, row, require(row["clip"], stored, "features"), voice))
        speak(shard, synthesiser, requests)
