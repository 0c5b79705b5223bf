"""Rule `align_mfa`: phone times of a shard's clips by the Montreal Forced Aligner."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dubber.align.mfa import Utterance, align_corpus, read_alignment
from dubber.align.settings import AlignSettings
from dubber.artifacts import read_rows
from dubber.errors import ClipError
from dubber.runner import Input, Threads
from dubber.steps.phone_rows import PHONES, phone_row
from dubber.steps.shard import Shard


def align_mfa(clips: Shard, audio: Input, settings: AlignSettings, threads: Threads) -> None:
    """Align a shard with one call of `mfa`. A clip without sound failed before and is not counted again.

    Args:
        clips: the shard.
        audio: its sound.
        settings: the aligner.
        threads: processes of MFA.

    Raises:
        MissingDataError: the `mfa` command is missing.
        DubberError: MFA failed as a whole.
    """
    samples = {row["clip"]: row["samples"] for row in read_rows(audio, ["clip", "samples"])}
    rows = [row for row in clips.rows() if row["clip"] in samples]
    utterances = [Utterance(row["clip"], row["speaker"], samples[row["clip"]], row["text"]) for row in rows]
    with tempfile.TemporaryDirectory(prefix="mfa-") as folder, clips.writer(PHONES, "align", rows) as shard:
        aligned = align_corpus(utterances, Path(folder), settings.mfa, threads)
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                if clip["clip"] not in aligned:
                    raise ClipError("There is no word, or no sound, to align.")
                row |= phone_row(read_alignment(aligned[clip["clip"]]))
