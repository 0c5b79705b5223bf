"""What a fitted codec and fitted features share: the clips they are fitted on, and the record of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dubber.corpus.manifest import load_manifest
from dubber.files import atomic_path


def training_clips(manifests: Sequence[Path]) -> set[str]:
    """Names of the training clips of some corpora."""
    return {clip for path in manifests for clip in load_manifest(path).clips("train")}


def recorded_inputs(path: Path | str, identity: str) -> list[str]:
    """What a fit with this identity was made from; empty where there is no such fit."""
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return []
    return facts["inputs"] if facts.get("identity") == identity else []


def record_fit(path: Path, identity: str, inputs: Sequence[Path]) -> None:
    """Write down what was fitted on what, so that planning can tell whether it still holds."""
    with atomic_path(path) as temporary:
        facts = {"identity": identity, "inputs": list(map(str, inputs))}
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")
