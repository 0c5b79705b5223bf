"""One shard of clips through the embedded aligner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.align.phones import PHONES
from dubber.align.pocketsphinx import PocketsphinxAligner
from dubber.align.settings import AlignSettings
from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.text.phonemes import phonemise


def align_shard(
    rows: Sequence[Mapping[str, Any]],
    audio_parquet: Path | str,
    output: Path | str,
    settings: AlignSettings,
    max_failed_share: float,
) -> ShardResult:
    """Write `output` under `PHONES`; clips that have no audio row failed before and are passed over.

    Args:
        rows: manifest rows of the shard (`clip`, `text`).
        audio_parquet: 16 kHz speech of the shard (`clip`, `samples`).

    Raises:
        DubberError: more than `max_failed_share` (0..1) of the clips failed.
    """
    samples = {row["clip"]: row["samples"] for row in read_rows(audio_parquet, ["clip", "samples"])}
    aligner = PocketsphinxAligner(settings.pocketsphinx)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        return aligner.align(samples[row["clip"]], phonemise(row["text"])).row()

    return process_shard(
        [row for row in rows if row["clip"] in samples],
        work,
        step="align",
        schema=PHONES,
        output=output,
        max_failed_share=max_failed_share,
    )
