"""Rule `tokens_facodec`: a shard's sound, encoded by FACodec's published weights."""

from __future__ import annotations

from dubber.codec.facodec.adapter import FACodec
from dubber.runner import Input, Inputs, OptionalInput
from dubber.steps.shard import Shard
from dubber.steps.sounds import sounds
from dubber.steps.token_rows import TOKENS, token_row


def tokens_facodec(clips: Shard, audio: Input, crops: OptionalInput, weights: Inputs) -> None:
    """Encode each clip.

    Args:
        clips: the shard; a clip without sound, or without crops where there is video, is not counted again.
        audio: its sound.
        crops: its crops, whose number of frames F fixes T = round(F * 16 / 5), if the corpus has video.
        weights: the published encoder and decoder.
    """
    encoder, decoder = weights
    codec, heard = FACodec.load(encoder, decoder), sounds(audio, crops)
    rows = [row for row in clips.rows() if row["clip"] in heard]
    with clips.writer(TOKENS, "tokens", rows) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                row |= token_row(codec.encode(heard[clip["clip"]]))
