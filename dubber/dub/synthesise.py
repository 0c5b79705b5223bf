"""Dubbing the test clips of a shard with a trained student.

Letters: B batch, N phonemes, F video frames, T speech tokens, S speaker width.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.codec.base import Codec
from dubber.dub.schema import DUBS
from dubber.dub.settings import SynthesisSettings
from dubber.errors import ClipError, DubberError
from dubber.flow.sampler import Sampler, make_sampler
from dubber.media.audio import to_pcm
from dubber.model.batch import pad_sequences
from dubber.model.dubber import Dub, Dubber
from dubber.model.files import load_model
from dubber.text.phonemes import phonemise

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One clip to be dubbed.

    Attributes:
        clip: name.
        phonemes: int64 [N], from the text alone.
        lips: float16 [F, lip features].
        faces: float16 [F, face features].
        speaker: float32 [S], of the reference speech.
    """

    clip: str
    phonemes: np.ndarray
    lips: np.ndarray
    faces: np.ndarray
    speaker: np.ndarray


@dataclass(frozen=True)
class Spoken:
    """A dubbed clip: its row of `DUBS`, but for the clip's name."""

    row: dict[str, Any]


@dataclass(frozen=True)
class Material:
    """Where the clips' features and the voices' vectors lie."""

    features: Path | str
    voices: Sequence[Path | str]


def synthesise_shard(
    rows: Sequence[Mapping[str, Any]],
    *,
    setting: str,
    model: Path | str,
    codec: Codec,
    material: Material,
    settings: SynthesisSettings,
    output: Path | str,
    max_failed_share: float,
) -> ShardResult:
    """Dub the clips: setting 1.0 in the clip's own voice, 2.0 in that of its reference clip.

    Raises:
        DubberError: the model is a teacher, or too many clips failed.
    """
    loaded = load_model(model)
    if not isinstance(loaded.model, Dubber):
        raise DubberError("A teacher cannot dub: it has no eyes.", looked_at=model, hint="Give a model of stage 2.")
    sampler = make_sampler(settings.sampler, settings.nfe, loaded.objective.scheduler, settings.temperature)
    requests, reasons = _requests(rows, setting, material)
    spoken: dict[str, Spoken] = {}
    for batch in _batches(requests, settings.batch_size):
        spoken |= _dub(batch, loaded.model, sampler, codec, settings)
        log.info("dub: %d/%d clips", len(spoken), len(requests))
    keep = {request.clip for request in requests[: settings.keep_maps]}

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        name = row["clip"]
        if name in reasons:
            raise ClipError(reasons[name])
        made = spoken[name].row
        return made if name in keep else {**made, "attention_vt": None, "attention_st": None}

    return process_shard(rows, work, step="dub", schema=DUBS, output=output, max_failed_share=max_failed_share)


def _requests(
    rows: Sequence[Mapping[str, Any]], setting: str, material: Material
) -> tuple[list[Request], dict[str, str]]:
    """What can be dubbed, in order of the clips' names, and why the rest cannot."""
    video = {row["clip"]: row for row in read_rows(material.features)}
    voices = {
        row["clip"]: row["speaker"] for path in material.voices for row in read_rows(path, ["clip", "speaker"])
    }
    requests, reasons = [], {}
    for row in sorted(rows, key=lambda row: row["clip"]):
        try:
            requests.append(_request(row, setting, video, voices))
        except ClipError as error:
            reasons[row["clip"]] = error.what
    return requests, reasons


def _request(row: Mapping[str, Any], setting: str, video: Mapping, voices: Mapping) -> Request:
    voice = row["clip"] if setting == "1.0" else row["reference"]
    seen = video.get(row["clip"])
    if seen is None:
        raise ClipError("it has no lip and face features")
    if voice not in voices:
        raise ClipError(f"there is no reference speech ({voice})")
    return Request(
        row["clip"],
        np.asarray(phonemise(row["text"]).ids, np.int64),
        seen["lips"].reshape(seen["n_frames"], -1),
        seen["faces"].reshape(seen["n_frames"], -1),
        np.asarray(voices[voice], np.float32),
    )


def _batches(requests: list[Request], size: int) -> Iterator[list[Request]]:
    """Clips of similar length together, the longest first."""
    ordered = sorted(requests, key=lambda request: (-len(request.lips), request.clip))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _dub(
    batch: list[Request], model: Dubber, sampler: Sampler, codec: Codec, settings: SynthesisSettings
) -> dict[str, Spoken]:
    """Dub a batch; the model's time is shared by length, the codec's is each clip's own."""
    names = ",".join(request.clip for request in batch)
    seed = hashlib.blake2b(f"{settings.seed}:{names}".encode(), digest_size=7).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(seed))
    began = time.perf_counter()
    dub = dub_requests(batch, model, sampler, generator)
    elapsed = time.perf_counter() - began
    lengths = dub.token_mask.sum(1).tolist()
    found = {}
    for i, request in enumerate(batch):
        began = time.perf_counter()
        samples = codec.decode(dub.tokens[i, :, : lengths[i]].numpy(), request.speaker)
        seconds = elapsed * lengths[i] / sum(lengths) + time.perf_counter() - began
        found[request.clip] = Spoken({**_row(dub, i, request), "samples": to_pcm(samples), "seconds": seconds})
        found[request.clip].row["nfe"] = sampler.nfe
    return found


def dub_requests(batch: list[Request], model: Dubber, sampler: Sampler, generator: torch.Generator) -> Dub:
    """Run the student on a batch of requests."""
    return model.dub(
        pad_sequences([request.lips for request in batch], 0.0),
        pad_sequences([request.faces for request in batch], 0.0),
        pad_sequences([np.ones(len(request.lips), bool) for request in batch], False),
        pad_sequences([request.phonemes for request in batch], 0),
        pad_sequences([np.ones(len(request.phonemes), bool) for request in batch], False),
        torch.from_numpy(np.stack([request.speaker for request in batch])),
        sampler=sampler,
        generator=generator,
    )


def _row(dub: Dub, i: int, request: Request) -> dict[str, Any]:
    frames, phonemes, tokens = len(request.lips), len(request.phonemes), int(dub.token_mask[i].sum())
    return {
        "n_tokens": tokens,
        "phonemes": request.phonemes.astype(np.int16),
        "frame_durations": dub.frame_durations[i, :phonemes].to(torch.int16).numpy(),
        "attention_vt": dub.attention_vt[i, :frames, :phonemes].half().numpy().reshape(-1),
        "attention_st": dub.attention_st[i, :tokens, :phonemes].half().numpy().reshape(-1),
    }
