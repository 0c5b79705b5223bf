"""Making a listening test: the same random clips of every system, at one level, under names that say nothing."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dubber.artifacts import read_rows
from dubber.errors import DubberError
from dubber.listening.answers import answer_files
from dubber.listening.definition import HeardSystem, Item, ListeningSettings, ListeningTest, save_test, sound_file
from dubber.media.audio import from_pcm, write_wav

log = logging.getLogger(__name__)

PEAK = 0.99  # of full scale: no sound is raised above it


@dataclass(frozen=True)
class Sources:
    """What the workflow has made of an experiment.

    Attributes:
        rows: manifest rows of the test clips.
        dubs: system -> its shards in the protocol of the test.
        references: shards of the corpus's recordings.
        fingerprints: system -> fingerprint of its training run.
    """

    rows: Sequence[Mapping[str, Any]]
    dubs: Mapping[str, Sequence[Path]]
    references: Sequence[Path]
    fingerprints: Mapping[str, str]


def make_test(settings: ListeningSettings, sources: Sources, folder: Path) -> ListeningTest:
    """Choose the clips, write the sounds and then the test.

    Raises:
        DubberError: `folder` has answers but no test, or no clip has speech of every system.
    """
    if answer_files(folder):
        raise DubberError(
            "There are answers without the test that they belong to.",
            looked_at=folder,
            hint="Restore test.json and sounds/ from a copy, or move the folder away.",
        )
    spoken = {system: _clips(paths) for system, paths in sources.dubs.items()}
    voices = _voices(sources.rows, settings.protocol, _clips(sources.references))
    chosen = _choose(settings, voices, spoken)
    shutil.rmtree(folder / "sounds", ignore_errors=True)  # of a test that was never finished
    references = _write_sounds(sources.references, {voices[clip] for clip in chosen}, settings, folder)
    items = []
    for system, paths in sources.dubs.items():
        samples = _write_sounds(paths, set(chosen), settings, folder)
        items += [Item(system=system, clip=c, sample=samples[c], reference=references[voices[c]]) for c in chosen]
    systems = tuple(_heard(system, clips, sources) for system, clips in spoken.items())
    test = ListeningTest(settings=settings, systems=systems, items=tuple(items))
    save_test(test, folder)
    return test


def _heard(system: str, clips: set[str], sources: Sources) -> HeardSystem:
    n_failed = sum(row["clip"] not in clips for row in sources.rows)
    if n_failed:
        log.warning("%s has no speech for %d of %d clips: nobody hears them.", system, n_failed, len(sources.rows))
    return HeardSystem(system=system, fingerprint=sources.fingerprints.get(system, ""), n_failed=n_failed)


def _clips(paths: Sequence[Path]) -> set[str]:
    return {row["clip"] for path in paths for row in read_rows(path, ["clip"])}


def _voices(rows: Sequence[Mapping[str, Any]], protocol: str, recorded: set[str]) -> dict[str, str]:
    """Test clip -> the clip that is its reference, where there is one and it was recorded."""
    voices = {row["clip"]: row["clip"] if protocol == "1.0" else row["reference"] for row in rows}
    return {clip: voice for clip, voice in voices.items() if voice in recorded}


def _choose(settings: ListeningSettings, voices: Mapping[str, str], spoken: Mapping[str, set[str]]) -> list[str]:
    """The clips that are heard: those of least hash, so that a clip which joins the corpus moves few others."""
    shared = sorted(set(voices).intersection(*spoken.values()), key=lambda clip: _hash(settings.seed, clip))
    if not shared:
        counts = ", ".join(f"{system} {len(clips)}" for system, clips in spoken.items())
        raise DubberError(
            "There is no test clip that every system speaks and that has a reference voice.",
            looked_at=f"clips with speech: {counts}; clips with a reference: {len(voices)}",
            hint="Leave out a system with --systems, or see its failures in the report.",
        )
    if len(shared) < settings.samples:
        log.warning("Only %d clips are there for %d samples: all of them are heard.", len(shared), settings.samples)
    return shared[: settings.samples]


def _hash(seed: int, clip: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{clip}".encode()).digest()


def _write_sounds(paths: Sequence[Path], clips: set[str], settings: ListeningSettings, folder: Path) -> dict[str, str]:
    """Write the clips' sounds; clip -> id of its sound."""
    sounds = {}
    for path in paths:
        if not clips.intersection(_clips([path])):
            continue
        for row in read_rows(path, ["clip", "samples"]):
            if row["clip"] in clips:
                sounds[row["clip"]] = secrets.token_hex(8)
                write_wav(sound_file(folder, sounds[row["clip"]]), levelled(from_pcm(row["samples"]), settings.level))
    return sounds


def levelled(samples: np.ndarray, level: float) -> np.ndarray:
    """float32 [n] at `level` dB of full scale (root mean square), or as near as its peak allows; silence stays silent.

    A louder system would otherwise sound better than it is.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak == 0.0:
        return samples
    gain = 10 ** (level / 20) / float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return samples * np.float32(min(gain, PEAK / peak))
