"""Rule `align`: phone times of a shard's clips by the embedded aligner."""

from __future__ import annotations

from dubber.align.pocketsphinx import PocketsphinxAligner
from dubber.align.settings import AlignSettings
from dubber.artifacts import read_rows
from dubber.runner import Input
from dubber.steps.phone_rows import PHONES, phone_row
from dubber.steps.shard import Shard
from dubber.text.phonemes import phonemise


def align(clips: Shard, audio: Input, settings: AlignSettings) -> None:
    """Align each clip's words, then their phones. A clip without sound failed before and is not counted again.

    Args:
        clips: the shard.
        audio: its sound.
        settings: the aligner.
    """
    samples = {row["clip"]: row["samples"] for row in read_rows(audio, ["clip", "samples"])}
    rows = [row for row in clips.rows() if row["clip"] in samples]
    aligner = PocketsphinxAligner(settings.pocketsphinx)
    with clips.writer(PHONES, "align", rows) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                row |= phone_row(aligner.align(samples[clip["clip"]], phonemise(clip["text"])))
