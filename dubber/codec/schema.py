"""What every codec's shards have in common: the schema of tokens, and a clip's sound at the length of its video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import field, read_rows
from dubber.codec.base import Tokens
from dubber.media.audio import fit, from_pcm

FRAME_RATE = 25  # video frames per second

TOKENS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("n_tokens", pa.int32(), "T"),
        field("ids", pa.list_(pa.int16()), "[6, T] codes of p, c1, c2, a1, a2, a3"),
        field("speaker", pa.list_(pa.float32()), "[S]"),
    ]
)


def token_row(tokens: Tokens) -> dict[str, Any]:
    """A row of `TOKENS`, but for the clip's name."""
    ids = tokens.ids.astype(np.int16)
    return {"n_tokens": ids.shape[1], "ids": ids.reshape(-1), "speaker": tokens.speaker}


def clip_audio(audio: Path | str, crops: Path | str | None, sample_rate: int) -> Mapping[str, np.ndarray]:
    """Clip name -> float32 [samples]; of video corpora those with crops, F frames long exactly."""
    sounds = {row["clip"]: row["samples"] for row in read_rows(audio, ["clip", "samples"])}
    if crops is None:
        return {name: from_pcm(samples) for name, samples in sounds.items()}
    frames = {row["clip"]: row["n_frames"] for row in read_rows(crops, ["clip", "n_frames"])}
    per_frame = sample_rate // FRAME_RATE
    return {
        name: from_pcm(fit(samples, frames[name] * per_frame)) for name, samples in sounds.items() if name in frames
    }
