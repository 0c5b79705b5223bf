"""Rule `attention`: attention maps of some test clips, with the forced aligner's durations of the same clips.

Shapes: N phonemes, F video frames, T speech tokens.
"""

from __future__ import annotations

import pyarrow as pa

from dubber.artifacts import field, read_rows, write_rows
from dubber.runner import Inputs, Output
from dubber.text.alphabet import to_symbols

MAPS = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("phonemes", pa.list_(pa.string()), "[N] ARPAbet"),
        field("video_text", pa.list_(pa.float16()), "[F, N] attention of lips over phonemes"),
        field("speech_text", pa.list_(pa.float16()), "[T, N] attention of speech over phonemes"),
        field("frame_durations", pa.list_(pa.int16()), "[N] video frames, the aligner's"),
        field("token_durations", pa.list_(pa.int16()), "[N] speech tokens, the aligner's"),
    ]
)
KEPT = ("clip", "phonemes", "attention_vt", "attention_st")


def attention(dubs: Inputs, durations: Inputs, artifact: Output) -> None:
    """Join the maps that dubbing kept with the aligner's durations of the same clips.

    Args:
        dubs: speech of the full system.
        durations: of the same shards.
        artifact: the Parquet file to write.
    """
    aligned = {row["clip"]: row for path in durations for row in read_rows(path)}
    rows = [
        {
            "clip": row["clip"],
            "phonemes": to_symbols(row["phonemes"].tolist()),
            "video_text": row["attention_vt"],
            "speech_text": row["attention_st"],
            "frame_durations": aligned[row["clip"]]["frame_durations"],
            "token_durations": aligned[row["clip"]]["token_durations"],
        }
        for path in dubs
        for row in read_rows(path, KEPT)
        if row["attention_vt"] is not None and row["clip"] in aligned
    ]
    write_rows(artifact, rows, MAPS)
