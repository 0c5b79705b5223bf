"""Rule `audio`: the sound of a shard's clips, decoded to 16 kHz mono."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from dubber.artifacts import field
from dubber.errors import ClipError
from dubber.media.audio import read_audio, to_pcm
from dubber.media.video import clip_file
from dubber.steps.shard import Shard

AUDIO = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("samples", pa.list_(pa.int16()), "PCM at 16 kHz, mono"),
        field("source_rate", pa.int32(), "Hz"),
    ]
)


def audio(clips: Shard, root: Path) -> None:
    """Decode the sound of each clip; of one without a sound file, the sound of its video.

    Args:
        clips: the shard.
        root: the folder that the manifest's paths are relative to.
    """
    rows = clips.rows()
    with clips.writer(AUDIO, "audio", rows) as shard:
        for clip in rows:
            with shard.clip(clip["clip"]) as row:
                name = clip["audio"] or clip["video"]
                if name is None:
                    raise ClipError("the corpus names neither audio nor video")
                sound = read_audio(clip_file(root, clip, name))
                row |= {"samples": to_pcm(sound.samples), "source_rate": sound.source_rate}
