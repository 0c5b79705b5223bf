"""What every system's speech is stored as, whoever made it: scoring treats all systems alike."""

from __future__ import annotations

import pyarrow as pa

from dubber.artifacts import field

DUBS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("samples", pa.list_(pa.int16()), "PCM at 16 kHz, mono"),
        field("n_tokens", pa.int32(), "T, speech tokens; null where no tokens were made"),
        field("seconds", pa.float32(), "wall time of the synthesis: model and codec; null for recordings"),
        field("nfe", pa.int32(), "evaluations of the denoiser"),
        field("device", pa.string(), "what the synthesis ran on"),
        field("batch", pa.int32(), "clips that were dubbed together"),
        field("frame_durations", pa.list_(pa.int16()), "[N] video frames per phoneme, as the model aligned them"),
        field("phonemes", pa.list_(pa.int16()), "[N] ids"),
        field("attention_vt", pa.list_(pa.float16()), "[F, N]; null but for a few clips of each shard"),
        field("attention_st", pa.list_(pa.float16()), "[T, N]; null but for a few clips of each shard"),
    ]
)
