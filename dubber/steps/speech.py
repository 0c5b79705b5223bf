"""How a trained model speaks the test clips of a shard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from dubber.artifacts import ShardWriter, read_rows
from dubber.codec.base import Codec, load_codec
from dubber.codec.settings import CodecSettings
from dubber.corpus.manifest import Row
from dubber.corpus.settings import Protocol
from dubber.dub.settings import SynthesisSettings
from dubber.dub.synthesise import BaseSynthesiser, Request, Speech, Synthesiser
from dubber.errors import ClipError
from dubber.gpus import lease_gpus
from dubber.runner import WILDCARD, Input, Inputs, Threads
from dubber.text.phonemes import phonemise


@dataclass(frozen=True)
class Speaking:
    """A trained model with its codec, and how it samples.

    Attributes:
        model: its model.safetensors.
        codec_files: what the codec is loaded from.
        codec: the codec that the model was trained on.
        settings: of the sampler.
        protocol: whose voice is the reference: the clip's own (1.0), or another clip's (2.0).
        threads: of the CPU.
    """

    model: Input
    codec_files: Inputs
    codec: CodecSettings
    settings: SynthesisSettings
    protocol: Annotated[Protocol, WILDCARD]
    threads: Threads

    def prepare(self) -> Codec:
        """Lease a GPU where there is one, set the threads, and load the codec."""
        import torch

        lease_gpus(1)
        torch.set_num_threads(self.threads)
        return load_codec(self.codec, self.codec_files)


def speak(shard: ShardWriter, synthesiser: BaseSynthesiser, requests: Sequence) -> None:
    """Speak clips in batches of similar length, and write their rows.

    Attention maps are kept of the first few clips only.
    """
    kept = {request.clip for request in requests[: synthesiser.settings.keep_maps]}
    for batch in batches(requests, synthesiser.settings.batch_size):
        try:
            made = synthesiser.dub(batch)
        except ClipError as error:
            for request in batch:
                with shard.attempt(request.clip):
                    raise error
            continue
        for speech in made:
            with shard.clip(speech.clip) as row:
                row |= dub_row(speech, keep_maps=speech.clip in kept)


def dub_row(speech: Speech, *, keep_maps: bool) -> dict[str, Any]:
    """Speech as a row of `DUBS`, with or without its attention maps."""
    row = {name: value for name, value in vars(speech).items() if name != "alignment"}
    if speech.alignment is None:
        return row
    maps = (speech.alignment.attention_vt, speech.alignment.attention_st) if keep_maps else (None, None)
    video, sound = (None if values is None else values.reshape(-1) for values in maps)
    return {
        **row,
        "frame_durations": speech.alignment.frame_durations,
        "attention_vt": video,
        "attention_st": sound,
    }


def clip_request(synthesiser: Synthesiser, row: Row, features: Mapping[str, Any], speaker: np.ndarray) -> Request:
    """What is asked for a clip of a corpus.

    Args:
        synthesiser: the student.
        row: of the manifest.
        features: a row of the features.
        speaker: float32 [S], of the reference speech.

    Raises:
        ClipError: the text cannot be spoken, or the features are not as wide as the model's.
    """
    lips, faces = (features[name].reshape(features["n_frames"], -1) for name in ("lips", "faces"))
    return synthesiser.request(row["clip"], phonemise(row["text"]).ids, lips, faces, speaker)


def batches(requests: Sequence, size: int) -> list[list]:
    """Requests of similar length together."""
    ordered = sorted(requests, key=lambda request: (request.n_frames, request.clip))
    return [ordered[i : i + size] for i in range(0, len(ordered), size)]


def speakers(tokens: Iterable[Path], clips: set[str]) -> dict[str, np.ndarray]:
    """Speaker vectors float32 [S] of some clips, from token shards."""
    rows = (row for path in tokens for row in read_rows(path, ["clip", "speaker"]))
    return {row["clip"]: row["speaker"] for row in rows if row["clip"] in clips}
