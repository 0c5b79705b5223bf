"""Tokens of a shard by FACodec, straight from its sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.artifacts import ShardResult, process_shard
from dubber.codec.facodec.adapter import FACodec
from dubber.codec.schema import TOKENS, clip_audio, token_row


def tokens_shard(
    rows: Sequence[Mapping[str, Any]],
    audio: Path | str,
    crops: Path | str | None,
    codec: FACodec,
    output: Path | str,
    *,
    max_failed_share: float,
) -> ShardResult:
    """Encode a shard's clips; where there are crops, the sound is cut or padded to the video's length first."""
    sounds = clip_audio(audio, crops, codec.sample_rate)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        return token_row(codec.encode(sounds[row["clip"]]))

    heard = [row for row in rows if row["clip"] in sounds]
    return process_shard(heard, work, step="tokens", schema=TOKENS, output=output, max_failed_share=max_failed_share)
