"""Control systems: what a table must show if the model heeds its inputs, and if the metrics heed the speech.

`shifted` is the recording, late; `same_voice` is another recording of the same speaker. The others are the full system
with one input of another test clip in place of the clip's own: its video, its voice or its text. All are scored as if
nothing had happened.

Letters: F video frames (25/s), C features of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.codec.base import Codec
from dubber.dub.settings import SynthesisSettings
from dubber.dub.synthesise import (
    Protocol,
    Request,
    Synthesiser,
    clip_request,
    reference_of,
    references_of,
    speak_shard,
    speakers,
)
from dubber.errors import ClipError
from dubber.media.audio import fit
from dubber.steps.dubs import DUBS, FRAME_RATE, SAMPLE_RATE, by_clip, require, rows_to_dub
from dubber.steps.partners import text_partners, voice_partners

SHIFT = 8  # video frames, 0.32 s: more than people take for in time, less than a word or two

Swap = Literal["other_video", "other_voice", "other_text"]


@dataclass(frozen=True)
class _Control:
    """How a swap finds its partners, and what to say where it finds none."""

    partners: Callable[[Sequence[Mapping[str, Any]]], dict[str, str]]
    none: str


_TEXTS = _Control(text_partners, "no test clip has another text")
_CONTROLS = {
    "other_video": _TEXTS,
    "other_text": _TEXTS,
    "other_voice": _Control(voice_partners, "no test clip is of another speaker"),
}


def shifted_shard(
    rows: Sequence[Mapping[str, Any]], truth: Path | str, output: Path | str, *, max_failed_share: float
) -> ShardResult:
    """The recordings of a shard's test clips, 0.32 s late: silence comes before, and the end is cut off.

    Args:
        rows: manifest rows of the shard; those of other splits are passed over.
        truth: the recordings as dubs (`dubber.steps.resynthesise.ground_truth_shard`).

    Raises:
        DubberError: more than `max_failed_share` (0..1) of the test clips have no recording.
    """
    wanted = rows_to_dub(rows)
    sounds = by_clip(read_rows(truth, ["clip", "samples"]), wanted)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"samples": delayed(require(row["clip"], sounds, "samples")["samples"], SHIFT)}

    return process_shard(wanted, work, step="shifted", schema=DUBS, output=output, max_failed_share=max_failed_share)


def same_voice_shard(
    rows: Sequence[Mapping[str, Any]],
    truth: Path | str,
    references: Sequence[Path | str],
    output: Path | str,
    *,
    max_failed_share: float,
) -> ShardResult:
    """Another recording of the same speaker in the place of each test clip: the clip's reference of protocol 2.0.

    It is cut, or followed by silence, to be as long as the clip's own recording.

    Args:
        rows: manifest rows of the shard; those of other splits are passed over.
        truth: the recordings as dubs, for their lengths.
        references: audio shards that hold the references.

    Raises:
        DubberError: more than `max_failed_share` (0..1) of the test clips have no other recording.
    """
    wanted = rows_to_dub(rows)
    own = by_clip(read_rows(truth, ["clip", "samples"]), wanted)
    clips = references_of(wanted, "2.0")
    others = by_clip((row for path in references for row in read_rows(path, ["clip", "samples"])), clips)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        length = len(require(row["clip"], own, "samples")["samples"])
        other = require(reference_of(row, "2.0"), others, "audio of the reference")
        return {"samples": fit(other["samples"], length)}

    return process_shard(wanted, work, step="same_voice", schema=DUBS, output=output, max_failed_share=max_failed_share)


def delayed(samples: np.ndarray, frames: int) -> np.ndarray:
    """Samples [L] at 16 kHz -> as many, `frames` video frames later.

    Raises:
        ClipError: nothing of the clip would be left.
    """
    late = frames * SAMPLE_RATE // FRAME_RATE
    if len(samples) <= late:
        raise ClipError(f"the clip is no longer than {frames / FRAME_RATE:.2f} s, by which it is to be late")
    return np.concatenate([np.zeros(late, samples.dtype), samples[:-late]])


def swap_shard(
    swap: Swap,
    rows: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]],
    features: Sequence[Path | str],
    tokens: Sequence[Path | str],
    model: Path | str,
    codec: Codec,
    output: Path | str,
    settings: SynthesisSettings,
    *,
    protocol: Protocol,
    max_failed_share: float,
    device: str = "auto",
) -> ShardResult:
    """Dub the test clips of a shard with one input of their partners (`dubber.steps.partners`).

    Speech is as long as the clip's own video: a partner's lips and face are cut at their end, or go on by running
    backwards, forwards and so on, so that the mouth keeps moving. A partner's voice is that of its own recording.
    All else, the draws of the sampler included, is as for the full system.

    Where no clip has a partner, every clip fails, for that reason and without an error: the other controls stand.

    Args:
        rows: manifest rows of the shard; those of other splits are passed over.
        tests: manifest rows of all test clips of the corpus.
        features, tokens: of all shards with test clips; tokens also of those that hold references of protocol 2.0.

    Raises:
        DubberError: the model does not fit, or more than `max_failed_share` (0..1) of the test clips failed.
    """
    wanted = rows_to_dub(rows)
    partners = _CONTROLS[swap].partners(tests)
    others = {partners[row["clip"]] for row in wanted if row["clip"] in partners}
    texts = {row["clip"]: row["text"] for row in tests}
    synthesiser = Synthesiser(model, codec, settings, device)
    clips = {row["clip"] for row in wanted} | (others if swap == "other_video" else set())
    seen = by_clip((row for path in features for row in read_rows(path)), clips)
    heard = speakers(tokens, references_of(wanted, protocol) | (others if swap == "other_voice" else set()))

    def gather(row: Mapping[str, Any]) -> Request:
        if row["clip"] not in partners:
            raise ClipError(f"{_CONTROLS[swap].none}: it has no partner to swap with")
        other = partners[row["clip"]]
        voice = other if swap == "other_voice" else reference_of(row, protocol)
        spoken = {**row, "text": texts[other]} if swap == "other_text" else row
        own = require(row["clip"], seen, "features")
        video = require(other, seen, "features of its partner") if swap == "other_video" else own
        made = clip_request(synthesiser, spoken, video, require(voice, heard, "tokens of the reference"))
        return _as_long_as(made, own["n_frames"])

    share = max_failed_share if partners else 1.0
    return speak_shard(wanted, gather, synthesiser, output, step=swap, max_failed_share=share)


def _as_long_as(request: Request, n_frames: int) -> Request:
    lips, faces = (fit_frames(x, n_frames) for x in (request.lips, request.faces))
    return replace(request, lips=lips, faces=faces)


def fit_frames(features: np.ndarray, n_frames: int) -> np.ndarray:
    """Features [F', C] -> [F, C]: cut at the end, or carried on backwards, then forwards, and so on."""
    missing = max(0, n_frames - len(features))
    return np.pad(features, ((0, missing), (0, 0)), mode="symmetric")[:n_frames]
