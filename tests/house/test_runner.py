"""From a step's signature to the rule's command line, and back to the step's arguments."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest

from dubber.errors import DamagedArtifact, DubberError
from dubber.media.settings import CropSettings
from dubber.runner import (
    RESOURCE,
    WILDCARD,
    Input,
    Inputs,
    OptionalInput,
    Output,
    Threads,
    Wildcard,
    parameters,
    reported,
)
from dubber.runner import read_arguments as read
from tests.conftest import ROOT

STEPS = sorted(path.stem for path in (ROOT / "workflow_scripts").glob("*.py"))


@dataclass(frozen=True)
class Group:
    manifest: Input
    shard: Wildcard


def step(
    clips: Group,
    many: Inputs,
    perhaps: OptionalInput,
    settings: CropSettings,
    metrics: tuple[CropSettings, ...],
    frames: int | None,
    names: tuple[str, ...],
    pace: Annotated[dict[str, int], RESOURCE],
    share: float,
    protocol: Annotated[Literal["1.0", "2.0"], WILDCARD],
    threads: Threads,
    artifact: Output,
) -> None:
    """A step with an argument of every kind."""


WORDS = ["--manifest", "m", "--shard", "0001", "--settings", '{"fps": 25}', "--metrics", "[{}]", "--frames"]
WORDS += ["--share", "0.2", "--threads", "2", "--artifact", "a.parquet", "--pace", '{"log": 1}', "--many", "x", "y"]
WORDS += ["--names", "full", "--protocol", "2.0"]


def test_every_kind_of_argument_is_read():
    found = read(step, [*WORDS, "--perhaps"])
    assert found["clips"] == Group(Path("m"), "0001")
    assert found["many"] == (Path("x"), Path("y")) and found["names"] == ("full",)
    assert found["perhaps"] is None and found["frames"] is None
    assert found["metrics"] == (CropSettings(),)
    assert (found["settings"], found["share"], found["threads"]) == (CropSettings(), 0.2, 2)
    assert (found["pace"], found["artifact"]) == ({"log": 1}, Path("a.parquet"))
    assert found["protocol"] == "2.0"
    assert read(step, [*WORDS, "--perhaps", "p"])["perhaps"] == Path("p")


def test_a_missing_flag_is_refused():
    with pytest.raises(SystemExit):
        read(step, WORDS[2:])


@pytest.mark.parametrize("name", STEPS)
def test_source_and_signature_agree_on_the_arguments(name):
    from dubber.runner import _flat, _hints

    function = getattr(importlib.import_module(f"dubber.steps.{name}"), name)
    assert list(parameters(name)) == [argument for argument, _ in _flat(_hints(function))]
    assert {"output"} <= set(parameters(name).values()) or name == "fetch"


def test_a_damaged_artifact_is_set_aside(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_text("half")

    def work() -> None:
        raise DamagedArtifact("An artifact cannot be read.", looked_at=path)

    with pytest.raises(SystemExit):
        reported(work)
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet.damaged"]


def test_a_known_error_ends_with_code_one():
    def work() -> None:
        raise DubberError("Something is missing.")

    with pytest.raises(SystemExit) as error:
        reported(work)
    assert error.value.code == 1
