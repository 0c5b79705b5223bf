"""The test clips that a report plays and draws: which ones, and what each system made of them."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dubber.artifacts import read_rows
from dubber.media.audio import from_pcm
from dubber.media.remux import mux
from dubber.units import SAMPLE_RATE

GROUND_TRUTH = "ground_truth"
ANY_SETTING = "any"  # of systems that sound the same in every setting


@dataclass(frozen=True)
class Version:
    """One system's audio of a clip: label such as "full, protocol 2.0", samples int16 at 16 kHz."""

    label: str
    samples: np.ndarray


@dataclass(frozen=True)
class Example:
    """A test clip with every system's version of it, the recording first. `video` is None for audio-only corpora."""

    clip: str
    speaker: str
    text: str
    video: Path | None
    versions: tuple[Version, ...]


def choose_examples(
    rows: Iterable[Mapping[str, Any]], dubs: Sequence[Path | str], *, media_root: Path | str, count: int
) -> list[Example]:
    """`count` test clips, one speaker after the other; clips that every system dubbed come first.

    Args:
        rows: manifest rows (`clip`, `speaker`, `split`, `text`, `video`).
        dubs: `.../<system>/<protocol>/<shard>.parquet`, the recordings (`ground_truth`) among them.
        media_root: the folder that the manifest's paths are relative to.
    """
    paths = sorted(map(Path, dubs), key=lambda path: (path.parent.parent.name != GROUND_TRUTH, path.as_posix()))
    coverage: dict[str, int] = {}
    for path in paths:
        for row in read_rows(path, ["clip"]):
            coverage[row["clip"]] = coverage.get(row["clip"], 0) + 1
    tests = [row for row in rows if row["split"] == "test" and row["clip"] in coverage]
    chosen = _spread(tests, coverage)[:count]
    versions = _versions(paths, {row["clip"] for row in chosen})
    return [
        Example(
            clip=row["clip"],
            speaker=row["speaker"],
            text=row["text"],
            video=Path(media_root) / row["video"] if row.get("video") else None,
            versions=tuple(versions[row["clip"]]),
        )
        for row in chosen
    ]


def _spread(rows: list[Mapping[str, Any]], coverage: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """Stable order: most versions first, then the first clip of each speaker, the second of each, and so on."""
    rows = sorted(rows, key=lambda row: (-coverage[row["clip"]], hashlib.sha256(row["clip"].encode()).digest()))
    seen: dict[str, int] = {}
    turns = []
    for row in rows:
        turns.append(seen.get(row["speaker"], 0))
        seen[row["speaker"]] = turns[-1] + 1
    keyed = sorted(range(len(rows)), key=lambda i: (-coverage[rows[i]["clip"]], turns[i], i))
    return [rows[i] for i in keyed]


def _versions(paths: Sequence[Path], clips: set[str]) -> dict[str, list[Version]]:
    """Every system's audio of the clips; the same samples (the recording in both settings) are taken once."""
    found: dict[str, list[Version]] = {clip: [] for clip in clips}
    for path in paths:
        system, protocol = path.parent.parent.name, path.parent.name
        label = _label(system, protocol)
        for row in read_rows(path, ["clip", "samples"]):
            if row["clip"] in clips:
                samples = np.array(row["samples"], np.int16)
                if not any(np.array_equal(samples, known.samples) for known in found[row["clip"]]):
                    found[row["clip"]].append(Version(label, samples))
    return found


def _label(system: str, protocol: str) -> str:
    if system == GROUND_TRUTH:
        return "recording"
    name = system.replace("_", " ")
    return name if protocol == ANY_SETTING else f"{name}, protocol {protocol}"


def player_uri(example: Example, version: Version) -> str:
    """A `data:` address: the clip's video with this audio (H.264, AAC), or a WAV where there is no video."""
    if example.video is None:
        buffer = io.BytesIO()
        soundfile.write(buffer, version.samples, SAMPLE_RATE, format="WAV", subtype="PCM_16")
        return _uri("audio/wav", buffer.getvalue())
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "player.mp4"
        mux(example.video, from_pcm(version.samples), SAMPLE_RATE, output)
        return _uri("video/mp4", output.read_bytes())


def _uri(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
