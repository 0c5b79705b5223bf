"""Sound to tokens, one shard of clips at a time, by a codec that needs no fitting or whose analysis is not kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dubber.artifacts import ShardResult, field, process_shard, read_rows
from dubber.codec.base import Codec, Tokens

SAMPLE_RATE = 16_000  # Hz
SAMPLES_PER_FRAME = 640  # 25 video frames per second
FULL_SCALE = 2**15

TOKENS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("n_tokens", pa.int32(), "T, tokens at 80 Hz"),
        field("ids", pa.list_(pa.int16()), "codes [6*T row-major], streams p, c1, c2, a1, a2, a3"),
        field("speaker", pa.list_(pa.float32()), "timbre vector [S]"),
    ]
)


def tokens_shard(
    rows: Sequence[Mapping[str, Any]],
    audio_parquet: Path | str,
    crops_parquet: Path | str | None,
    codec: Codec,
    output: Path | str,
    max_failed_share: float,
) -> ShardResult:
    """Write `output` under `TOKENS`; clips that have no audio (or, in video corpora, no crops) are passed over.

    Args:
        rows: manifest rows of the shard (`clip`).
        audio_parquet: 16 kHz speech of the shard (`clip`, `samples`).
        crops_parquet: the shard's crops, whose `n_frames` F fix T = round(F * 16 / 5); None for audio-only corpora.

    Raises:
        DubberError: more than `max_failed_share` (0..1) of the clips failed.
    """
    return each_sound(
        rows,
        audio_parquet,
        crops_parquet,
        lambda wav: token_row(codec.encode(wav)),
        step="tokens",
        schema=TOKENS,
        output=output,
        max_failed_share=max_failed_share,
    )


def token_row(tokens: Tokens) -> dict[str, Any]:
    """`tokens` as a row of `TOKENS`, the clip's name left out."""
    return {
        "n_tokens": tokens.ids.shape[1],
        "ids": tokens.ids.astype(np.int16).ravel(),
        "speaker": tokens.speaker.astype(np.float32),
    }


def each_sound(
    rows: Sequence[Mapping[str, Any]],
    audio_parquet: Path | str,
    crops_parquet: Path | str | None,
    work: Callable[[np.ndarray], Mapping[str, Any]],
    *,
    step: str,
    schema: pa.Schema,
    output: Path | str,
    max_failed_share: float,
) -> ShardResult:
    """`process_shard` with the clip's sound, float32 [samples] of exactly F * 640 samples where there are crops."""
    samples = {row["clip"]: row["samples"] for row in read_rows(audio_parquet, ["clip", "samples"])}
    if crops_parquet is not None:
        frames = {row["clip"]: row["n_frames"] for row in read_rows(crops_parquet, ["clip", "n_frames"])}
        samples = {
            clip: fit_length(samples[clip], n * SAMPLES_PER_FRAME) for clip, n in frames.items() if clip in samples
        }
    return process_shard(
        [row for row in rows if row["clip"] in samples],
        lambda row: work(samples[row["clip"]].astype(np.float32) / FULL_SCALE),
        step=step,
        schema=schema,
        output=output,
        max_failed_share=max_failed_share,
    )


def fit_length(samples: np.ndarray, length: int) -> np.ndarray:
    """Cut or zero-pad samples [n] to exactly `length`."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))
