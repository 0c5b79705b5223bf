"""Rule `durations`: phone times turned into whole frames and tokens of the text's phonemes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dubber.align.durations import boundaries, n_tokens_of_frames, n_tokens_of_samples, run_lengths
from dubber.align.phones import Alignment
from dubber.align.settings import AlignSettings
from dubber.artifacts import field, read_rows, read_table
from dubber.runner import Input, OptionalInput
from dubber.steps.phone_rows import alignment_of
from dubber.steps.shard import Shard
from dubber.text.phonemes import phonemise
from dubber.units import SAMPLE_RATE

DURATIONS = pa.schema(
    [
        field("clip", pa.string(), "clip name"),
        field("phonemes", pa.list_(pa.int16()), "[N] ids of the text's phonemes"),
        field("frame_durations", pa.list_(pa.int16()), "[N] video frames, sum F; null without video"),
        field("token_durations", pa.list_(pa.int16()), "[N] speech tokens, sum T"),
    ]
)


def durations(clips: Shard, phones: Input, audio: Input, crops: OptionalInput, settings: AlignSettings) -> None:
    """Give each phoneme of the text its whole frames and tokens.

    With video T = round(F * 16 / 5), else T = round(samples / 200). A clip without phones, or without crops where there
    is video, failed in that step and is not counted again.

    Args:
        clips: the shard.
        phones: phone times, of `dubber.steps.align`.
        audio: the sound, whose length counts where there is no video.
        crops: the crops, whose number of frames F counts, if the corpus has video.
        settings: the rates.
    """
    lengths = _frames(crops) if crops else _samples(audio)
    measure = _with_video if crops else _without_video
    found = {row["clip"]: alignment_of(row) for row in read_rows(phones)}
    rows = [row for row in clips.rows() if row["clip"] in found and row["clip"] in lengths]
    with clips.writer(DURATIONS, "durations", rows) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                row |= measure(clip["text"], found[clip["clip"]], lengths[clip["clip"]], settings)


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


def _frames(crops: Path | str) -> dict[str, int]:
    table = read_table(crops, ["clip", "n_frames"])
    return dict(zip(table["clip"].to_pylist(), table["n_frames"].to_pylist(), strict=True))


def _samples(audio: Path | str) -> dict[str, int]:
    table = read_table(audio, ["clip", "samples"])
    return dict(zip(table["clip"].to_pylist(), pc.list_value_length(table["samples"]).to_pylist(), strict=True))
