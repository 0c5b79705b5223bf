"""The demo corpus on paper: which voice says which of GRID's sentences. Nothing is rendered here.

The clips exist once `dubber.corpus.demo.render` has made them; their list follows from the settings alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dubber import provenance
from dubber.corpus.clip import Clip, Reader
from dubber.corpus.grid import GRAMMAR, sentence
from dubber.corpus.scan import File
from dubber.corpus.settings import CorpusSettings, RenderSettings


@dataclass(frozen=True)
class Speaker:
    """A voice and a look.

    Attributes:
        name: speaker name.
        voice: espeak-ng voice, with its variant.
        rate: words per minute.
        pitch: espeak-ng's 0..100.
        range: liveliness of the pitch, 0..100.
        mirror: whether the picture is mirrored.
        hue: rotation of the picture's hue, degrees.
        gain: brightness, 1 is the photograph's.
        zoom: size of the head, 1 is the photograph's.
    """

    name: str
    voice: str
    rate: int
    pitch: int
    range: int
    mirror: bool
    hue: int
    gain: float
    zoom: float


# Not f2, f3 or f5, which sound different in every process (espeak-ng 1.52 reads what it never wrote).
SPEAKERS = (
    Speaker("v1", "en-us", 150, 45, 55, mirror=False, hue=0, gain=1.0, zoom=1.0),
    Speaker("v2", "en-us+m1", 150, 60, 65, mirror=True, hue=12, gain=0.85, zoom=0.92),
    Speaker("v3", "en-us+m3", 145, 35, 45, mirror=False, hue=-12, gain=1.15, zoom=1.06),
    Speaker("v4", "en-us+f4", 155, 60, 70, mirror=True, hue=-8, gain=0.78, zoom=0.97),
    Speaker("v5", "en-us+m7", 140, 40, 50, mirror=False, hue=16, gain=1.05, zoom=0.9),
    Speaker("v6", "en-us+f1", 160, 50, 60, mirror=True, hue=-16, gain=0.9, zoom=1.03),
    Speaker("v7", "en-gb-x-rp+m1", 150, 30, 50, mirror=False, hue=8, gain=0.7, zoom=0.95),
    Speaker("v8", "en-gb-x-rp+f1", 158, 65, 60, mirror=True, hue=-4, gain=1.1, zoom=1.0),
)


class Demo(Reader):
    """Reader of the corpus that the workflow makes."""

    def find(self, root: Path, files: Mapping[str, File], settings: CorpusSettings) -> Iterator[Clip]:
        demo = settings.demo
        for speaker in SPEAKERS[: demo.speakers]:
            for name in sentences(speaker, demo.clips_per_speaker, demo.rendering.seed):
                yield Clip(
                    f"{speaker.name}_{name}",
                    speaker.name,
                    sentence(name) or "",
                    video=f"{speaker.name}/{name}.mp4",
                    digest=clip_digest(speaker, name, demo.rendering),
                )


def sentences(speaker: Speaker, count: int, seed: int) -> list[str]:
    """The first `count` different sentences of a speaker; a larger count only adds some."""
    found: dict[str, None] = {}
    draw = 0
    while len(found) < count:
        state = hashlib.blake2b(f"{seed}:{speaker.name}:{draw}".encode(), digest_size=len(GRAMMAR)).digest()
        found["".join(sorted(choices)[byte % len(choices)] for choices, byte in zip(GRAMMAR, state, strict=True))] = (
            None
        )
        draw += 1
    return list(found)


def clip_digest(speaker: Speaker, name: str, rendering: RenderSettings) -> str:
    """Identity of a clip that is still to be rendered."""
    return provenance.digest([repr(speaker), name, rendering.model_dump(mode="json")])
