"""Any other system's speech, as files in a folder, in the form that scoring takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubber.artifacts import ShardResult, process_shard
from dubber.media.audio import read_audio, to_pcm
from dubber.steps.dubs import DUBS, rows_to_dub
from dubber.user_files import find_file, require_folder


def external_shard(rows: Sequence[Mapping[str, Any]], folder: Path, output: Path | str) -> ShardResult:
    """Read what a system says in a shard's test clips; a clip without a readable file fails and is counted.

    Nothing is cut, padded or made louder: what the system delivered is what is scored.

    Args:
        rows: manifest rows of the shard; those of other splits are passed over.
        folder: holds a file for every clip, as `dubber.user_files.find_file` looks for it.

    Raises:
        MissingDataError: the folder is not there.
    """
    require_folder(folder)

    def work(row: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"samples": to_pcm(read_audio(find_file(folder, row)).samples)}

    wanted = rows_to_dub(rows)
    return process_shard(wanted, work, step="external", schema=DUBS, output=output, max_failed_share=1.0)
