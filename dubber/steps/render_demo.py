"""Rule `render_demo`: one shard of the demo corpus, rendered, with the exact times of its phones and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from dubber.artifacts import field, write_rows
from dubber.corpus.demo.clips import SPEAKERS
from dubber.corpus.demo.espeak import Interval, Speech
from dubber.corpus.demo.render import render_clip
from dubber.corpus.demo.talking_head import Face
from dubber.corpus.manifest import load_shard
from dubber.corpus.settings import RenderSettings
from dubber.progress import Progress
from dubber.runner import Output, Wildcard

TRUTH = pa.schema(
    [
        field("clip", pa.string(), "name"),
        field("phones", pa.list_(pa.string()), "ARPAbet"),
        field("phone_start", pa.list_(pa.float32()), "s"),
        field("phone_end", pa.list_(pa.float32()), "s"),
        field("words", pa.list_(pa.string()), "as in the text"),
        field("word_start", pa.list_(pa.float32()), "s"),
        field("word_end", pa.list_(pa.float32()), "s"),
    ]
)


def render_demo(manifest: Path, shard: Wildcard, settings: RenderSettings, root: Path, artifact: Output) -> None:
    """Render each clip under `root` and write down its exact times.

    Args:
        manifest: of the demo corpus.
        shard: its name.
        settings: of voices, faces and clips.
        root: the folder of the videos.
        artifact: the Parquet file to write.

    Raises:
        ClipError: a sentence does not fit into its clip; a corpus that is made here has no bad clips.
    """
    rows, truth = load_shard(manifest, shard), []
    faces = {speaker.name: Face(speaker, settings.picture) for speaker in SPEAKERS}
    progress = Progress("render_demo", len(rows))
    for row in rows:
        speech = render_clip(root / str(row["video"]), row["text"], faces[row["speaker"]], settings, seed=row["clip"])
        truth.append({"clip": row["clip"], **times(speech)})
        progress.advance()
    write_rows(artifact, truth, TRUTH)


def times(speech: Speech) -> dict[str, Any]:
    """Phones and words of a clip as columns of `TRUTH`."""
    return _columns("phone", "phones", speech.phones) | _columns("word", "words", speech.words)


def _columns(prefix: str, name: str, intervals: list[Interval]) -> dict[str, list]:
    return {
        name: [interval.label for interval in intervals],
        f"{prefix}_start": [interval.start for interval in intervals],
        f"{prefix}_end": [interval.end for interval in intervals],
    }
