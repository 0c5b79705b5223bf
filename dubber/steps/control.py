"""Rule `control`: the full system with one input of another test clip: its video, its voice or its text.

A model that uses its inputs must score worse with a wrong one.

Shapes: F video frames (25/s), C features of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dubber.artifacts import read_rows
from dubber.corpus.manifest import Row, load_manifest, reference_clip, reference_clips
from dubber.dub.synthesise import Request, Synthesiser
from dubber.errors import ClipError
from dubber.runner import Inputs, Wildcard
from dubber.steps.dubs import DUBS
from dubber.steps.partners import text_partners, voice_partners
from dubber.steps.shard import Shard, by_clip, require
from dubber.steps.speech import Speaking, clip_request, speak, speakers


@dataclass(frozen=True)
class _Control:
    """How a swap finds partners, and the reason of a clip that has none."""

    partners: Callable[[Sequence[Row]], dict[str, str]]
    none: str


_TEXTS = _Control(text_partners, "no test clip has another text")
_CONTROLS = {
    "other_video": _TEXTS,
    "other_text": _TEXTS,
    "other_voice": _Control(voice_partners, "no test clip is of another speaker"),
}


def control(clips: Shard, speaking: Speaking, system: Wildcard, features: Inputs, tokens: Inputs) -> None:
    """Dub each test clip with one input of its partner (`dubber.steps.partners`).

    Speech is as long as the clip's own video. A partner's lips and face are cut at their end, or continued backwards,
    forwards and so on, so that the mouth keeps moving. A partner's voice is that of its own recording. All else, the
    sampler's draws included, is as for the full system.

    Where no clip has a partner, every clip fails for that reason, and the step itself does not.

    Args:
        clips: the shard; clips of other splits are passed over.
        speaking: the student.
        system: "other_video", "other_voice" or "other_text".
        features: of all shards with test clips.
        tokens: of the same shards, and of those that hold the references of protocol 2.0.
    """
    every = load_manifest(clips.manifest).every_test()
    partners = _CONTROLS[system].partners(every)
    texts = {row["clip"]: row["text"] for row in every}
    synthesiser = Synthesiser(speaking.model, speaking.prepare(), speaking.settings)
    protocol, tests = speaking.protocol, clips.tests()
    others = {partners[row["clip"]] for row in tests if row["clip"] in partners}
    seen = by_clip(
        (row for path in features for row in read_rows(path)),
        {row["clip"] for row in tests} | (others if system == "other_video" else set()),
    )
    heard = speakers(tokens, reference_clips(tests, protocol) | (others if system == "other_voice" else set()))
    requests = []
    share = clips.max_failed_share if partners else 1.0
    with replace(clips, max_failed_share=share).writer(DUBS, system, tests) as shard:
        for row in tests:
            with shard.attempt(row["clip"]):
                if row["clip"] not in partners:
                    raise ClipError(f"{_CONTROLS[system].none}: it has no partner to swap with")
                other = partners[row["clip"]]
                voice = other if system == "other_voice" else reference_clip(row, protocol)
                spoken: Row = {**row, "text": texts[other]} if system == "other_text" else row
                own = require(row["clip"], seen, "features")
                video = require(other, seen, "features of its partner") if system == "other_video" else own
                made = clip_request(synthesiser, spoken, video, require(voice, heard, "tokens of the reference"))
                requests.append(_as_long_as(made, own["n_frames"]))
        speak(shard, synthesiser, requests)


def _as_long_as(request: Request, n_frames: int) -> Request:
    lips, faces = (fit_frames(x, n_frames) for x in (request.lips, request.faces))
    return replace(request, lips=lips, faces=faces)


def fit_frames(features: np.ndarray, n_frames: int) -> np.ndarray:
    """Features [F', C] -> [F, C]: cut at the end, or continued backwards, then forwards, and so on."""
    missing = max(0, n_frames - len(features))
    return np.pad(features, ((0, missing), (0, 0)), mode="symmetric")[:n_frames]
