"""The speech of a system, the same for ours, the bounding ones and others'."""

from __future__ import annotations

import pyarrow as pa

from dubber.artifacts import field

DUBS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("samples", pa.list_(pa.int16()), "PCM at 16 kHz, mono"),
        field("n_tokens", pa.int32(), "T"),
        field("seconds", pa.float32(), "wall time of synthesis, s; null where nothing was synthesised"),
        field("nfe", pa.int32(), "evaluations of the denoiser"),
        field("phonemes", pa.list_(pa.int16()), "[N] ids"),
        field("frame_durations", pa.list_(pa.int16()), "[N] video frames, as the Synchronizer found them"),
        field("attention_vt", pa.list_(pa.float16()), "[F, N], kept for some clips"),
        field("attention_st", pa.list_(pa.float16()), "[T, N], kept for some clips"),
    ]
)
