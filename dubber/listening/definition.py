"""What a listening test is: which clips of which systems are heard, and in what order a listener hears them.

A test is written down once, with the sounds that it plays, in `listening/<experiment>/<protocol>/`:

    test.json                     what `ListeningTest` says
    sounds/<id>.wav               16 kHz mono; a name says nothing of what made the sound
    answers/<listener>.jsonl      see `dubber.listening.answers`

So answers keep their meaning when the workflow's results change or are cleaned away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, ValidationError

from dubber import provenance
from dubber.errors import DubberError
from dubber.files import atomic_path
from dubber.settings import Settings

ROOT = Path("listening")
GROUND_TRUTH = "ground_truth"

Question = Literal["similarity", "naturalness"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
SOUND_ID = r"[0-9a-f]{16}"


class ListeningSettings(Settings):
    """What a listening test is made from."""

    experiment: str = Field(description="name of the experiment")
    protocol: Literal["1.0", "2.0"] = Field(default="2.0", description="where the reference voice comes from")
    systems: tuple[str, ...] = Field(min_length=1, description="systems that are heard")
    samples: int = Field(default=30, ge=1, description="test clips, the same ones for every system")
    seed: int = Field(default=0, ge=0, description="seed of the choice of clips and of every listener's order")
    level: float = Field(default=-26.0, lt=0, description="level of every sound, dB of full scale (root mean square)")


class HeardSystem(Settings):
    """A system as it was when the test was made."""

    system: str = Field(description="name")
    fingerprint: str = Field(default="", description="of its training run; empty for a system without one")
    n_failed: int = Field(default=0, ge=0, description="test clips of the corpus that it has no speech for")


class Item(Settings):
    """One clip as one system speaks it."""

    system: str = Field(description="name of the system")
    clip: str = Field(description="name of the clip")
    sample: str = Field(pattern=rf"^{SOUND_ID}$", description="id of the sound that is judged")
    reference: str = Field(pattern=rf"^{SOUND_ID}$", description="id of the sound of the reference voice")


class ListeningTest(Settings):
    """A test as it was made: nothing in it changes while listeners answer."""

    settings: ListeningSettings = Field(description="what it was made from")
    systems: tuple[HeardSystem, ...] = Field(min_length=1, description="in the order of the table")
    items: tuple[Item, ...] = Field(min_length=1, description="what is judged")

    @property
    def identity(self) -> str:
        """Digest that names this test in the table."""
        return provenance.digest(self.model_dump(mode="json"))

    @property
    def summary(self) -> str:
        """The test in a line."""
        clips, systems = len({item.clip for item in self.items}), ", ".join(heard.system for heard in self.systems)
        return f"{self.settings.experiment}, protocol {self.settings.protocol}: {clips} samples of {systems}"


@dataclass(frozen=True)
class Trial:
    """One question about one item."""

    question: Question
    item: Item


def trials(test: ListeningTest, listener: str) -> list[Trial]:
    """Everything that a listener is asked, in the listener's own order, which is the same every time.

    One question after the other, so that nobody compares voices while judging naturalness; which question comes first
    differs between listeners as the items' order does.
    """

    def rank(*names: str) -> bytes:
        return hashlib.sha256("\n".join([str(test.settings.seed), listener, *names]).encode()).digest()

    return [
        Trial(question, item)
        for question in sorted(QUESTIONS, key=rank)
        for item in sorted(test.items, key=lambda item: rank(question, item.sample))
    ]


def folder_of(experiment: str, protocol: str) -> Path:
    """The folder of an experiment's test in a protocol."""
    return ROOT / experiment / protocol


def file_of(folder: Path) -> Path:
    """Where a test is written down."""
    return folder / "test.json"


def sound_file(folder: Path, sound: str) -> Path:
    """The file of one sound of a test."""
    return folder / "sounds" / f"{sound}.wav"


def save_test(test: ListeningTest, folder: Path) -> None:
    """Write a test down; its sounds must be there already, for a test that is written down is whole."""
    with atomic_path(file_of(folder)) as temporary:
        temporary.write_text(test.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load_test(path: Path | str) -> ListeningTest:
    """Read a `test.json`.

    Raises:
        DubberError: it is damaged.
    """
    try:
        return ListeningTest.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        raise DubberError(
            f"A listening test cannot be read: {error.errors()[0]['msg']}",
            looked_at=path,
            hint="Restore the file from a copy: without it the answers beside it mean nothing.",
        ) from None
