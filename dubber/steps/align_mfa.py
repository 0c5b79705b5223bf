"""One shard of clips through the reference aligner."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.align.mfa import Utterance, align_corpus, read_alignment
from dubber.align.phones import PHONES
from dubber.align.settings import AlignSettings
from dubber.artifacts import ShardResult, process_shard, read_rows
from dubber.errors import ClipError


def align_shard(
    rows: Sequence[Mapping[str, Any]],
    audio_parquet: Path | str,
    output: Path | str,
    settings: AlignSettings,
    max_failed_share: float,
    jobs: int | None = None,
) -> ShardResult:
    """Write `output` under `PHONES`; clips that have no audio row failed before and are passed over.

    Args:
        rows: manifest rows of the shard (`clip`, `speaker`, `text`).
        audio_parquet: 16 kHz speech of the shard (`clip`, `samples`).
        jobs: processes for MFA; the settings' number where None.

    Raises:
        MissingDataError: the `mfa` command is not there.
        DubberError: MFA failed as a whole, or more than `max_failed_share` (0..1) of the clips did.
    """
    samples = {row["clip"]: row["samples"] for row in read_rows(audio_parquet, ["clip", "samples"])}
    rows = [row for row in rows if row["clip"] in samples]
    utterances = [Utterance(row["clip"], row["speaker"], samples[row["clip"]], row["text"]) for row in rows]
    with tempfile.TemporaryDirectory(prefix="mfa-") as folder:
        textgrids = align_corpus(utterances, Path(folder), settings.mfa, jobs)

        def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
            if row["clip"] not in textgrids:
                raise ClipError("There is no word, or no sound, to align.")
            return read_alignment(textgrids[row["clip"]]).row()

        return process_shard(rows, work, step="align", schema=PHONES, output=output, max_failed_share=max_failed_share)
