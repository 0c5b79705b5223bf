"""Rule `external`: another system's speech for a shard's test clips, in the form that scoring reads."""

from __future__ import annotations

from pathlib import Path

from dubber.media.audio import read_audio, to_pcm
from dubber.steps.dubs import DUBS
from dubber.steps.shard import Shard
from dubber.user_files import SPEECH, require_folder, speech_file


def external(clips: Shard, folder: Path) -> None:
    """Read one file for each test clip; a clip without a readable file fails and is counted.

    Nothing is cut, padded or made louder: what the system delivered is scored.

    Args:
        clips: the shard; clips of other splits are passed over.
        folder: with a file for every clip, as `dubber.user_files.speech_file` looks for it.

    Raises:
        MissingDataError: there is no such folder.
    """
    require_folder(folder, *SPEECH)
    tests = clips.tests()
    with clips.writer(DUBS, "external", tests) as shard:
        for clip in tests:
            with shard.clip(clip["clip"]) as row:
                row["samples"] = to_pcm(read_audio(speech_file(folder, clip)).samples)
