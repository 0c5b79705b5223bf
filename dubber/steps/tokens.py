"""Rule `tokens`: a shard's WORLD analysis, quantised to six streams of codes and a speaker vector."""

from __future__ import annotations

from dubber.artifacts import ShardWriter, read_rows, read_table
from dubber.codec.world.codec import World
from dubber.runner import Input, Output
from dubber.steps.analyse import to_clip
from dubber.steps.token_rows import TOKENS, token_row


def tokens(analysis: Input, codec: Input, max_failed_share: float, artifact: Output) -> None:
    """Quantise each clip's analysis.

    Args:
        analysis: the shard of `dubber.steps.analyse`.
        codec: the fitted codec.
        max_failed_share: the share of clips (0..1) that may fail.
        artifact: the Parquet file to write.
    """
    world, n_clips = World.load(codec), read_table(analysis, ["clip"]).num_rows
    with ShardWriter(artifact, TOKENS, step="tokens", n_clips=n_clips, max_failed_share=max_failed_share) as shard:
        for clip in read_rows(analysis):
            with shard.clip(clip["clip"]) as row:
                row |= token_row(world.quantise(to_clip(clip)))
