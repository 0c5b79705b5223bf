"""One shard of phone times turned into durations of the text's phonemes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dubber.align.durations import boundaries, n_tokens_of_frames, n_tokens_of_samples, run_lengths
from dubber.align.phones import Alignment, alignment_of
from dubber.align.settings import AlignSettings
from dubber.artifacts import ShardResult, field, process_shard, read_rows, read_table
from dubber.text.phonemes import phonemise

SAMPLE_RATE = 16000  # Hz; of the audio shards

MATRIX = pa.schema(
    [
        field("clip", pa.string(), "clip name"),
        field("phonemes", pa.list_(pa.int16()), "[N] ids of the text's phonemes"),
        field("frame_durations", pa.list_(pa.int16()), "[N] video frames, sum F; null without video"),
        field("token_durations", pa.list_(pa.int16()), "[N] speech tokens, sum T"),
    ]
)


def durations_shard(
    rows: Sequence[Mapping[str, Any]],
    phones_parquet: Path | str,
    output: Path | str,
    settings: AlignSettings,
    max_failed_share: float,
    *,
    audio_parquet: Path | str | None = None,
    crops_parquet: Path | str | None = None,
) -> ShardResult:
    """Write `output` under `MATRIX`, with T = round(F * 16 / 5) where there is video, else round(samples / 200).

    Clips without phones, or without crops where crops are given, failed before and are passed over.

    Args:
        rows: manifest rows of the shard (`clip`, `text`).
        phones_parquet: phone times under `dubber.align.phones.PHONES`.
        audio_parquet: the number of samples of each clip; needed where there are no crops.
        crops_parquet: the number of frames F of each clip (column `n_frames`).

    Raises:
        ValueError: neither audio nor crops are given.
        DubberError: more than `max_failed_share` (0..1) of the clips failed.
    """
    if crops_parquet:
        lengths = _frames(crops_parquet)
    elif audio_parquet:
        lengths = _samples(audio_parquet)
    else:
        raise ValueError("durations_shard needs audio_parquet or crops_parquet")
    found = {row["clip"]: alignment_of(row) for row in read_rows(phones_parquet)}

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        alignment, length = found[row["clip"]], lengths[row["clip"]]
        if crops_parquet:
            return _with_video(row["text"], alignment, length, settings)
        return _without_video(row["text"], alignment, length, settings)

    return process_shard(
        [row for row in rows if row["clip"] in found and row["clip"] in lengths],
        work,
        step="durations",
        schema=MATRIX,
        output=output,
        max_failed_share=max_failed_share,
    )


def _with_video(text: str, alignment: Alignment, n_frames: int, settings: AlignSettings) -> dict[str, Any]:
    spoken = phonemise(text)
    edges = boundaries(spoken.phonemes, alignment, n_frames / settings.frame_rate)
    n_tokens = n_tokens_of_frames(n_frames, settings.frame_rate, settings.token_rate)
    return _row(spoken.ids, run_lengths(edges, settings.token_rate, n_tokens)) | {
        "frame_durations": run_lengths(edges, settings.frame_rate, n_frames).tolist()
    }


def _without_video(text: str, alignment: Alignment, n_samples: int, settings: AlignSettings) -> dict[str, Any]:
    spoken = phonemise(text)
    edges = boundaries(spoken.phonemes, alignment, n_samples / SAMPLE_RATE)
    n_tokens = n_tokens_of_samples(n_samples, SAMPLE_RATE, settings.token_rate)
    return _row(spoken.ids, run_lengths(edges, settings.token_rate, n_tokens))


def _row(ids: Sequence[int], token_durations: np.ndarray) -> dict[str, Any]:
    return {"phonemes": list(ids), "token_durations": token_durations.tolist()}


def _frames(crops_parquet: Path | str) -> dict[str, int]:
    table = read_table(crops_parquet, ["clip", "n_frames"])
    return dict(zip(table["clip"].to_pylist(), table["n_frames"].to_pylist(), strict=True))


def _samples(audio_parquet: Path | str) -> dict[str, int]:
    table = read_table(audio_parquet, ["clip", "samples"])
    return dict(zip(table["clip"].to_pylist(), pc.list_value_length(table["samples"]).to_pylist(), strict=True))
