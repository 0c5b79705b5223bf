"""A tiny run without dropout, for processes that torchrun starts: arguments are a folder, a stage, a run, changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dubber import runner
from tests.resume import tiny_run
from tests.resume.tiny_run import sized


def train_plain(folder: Path, stage: str, run: str, **changes) -> Path:
    """Train a model whose dropout is off, so that how clips are spread over processes shows nowhere."""
    before = tiny_run.MODEL
    tiny_run.MODEL = sized(dropout=0.0, duration_dropout=0.0)
    try:
        return tiny_run.train(folder, stage, run, **changes)
    finally:
        tiny_run.MODEL = before


if __name__ == "__main__":
    where, what, name, more = sys.argv[1:]
    runner.reported(lambda: train_plain(Path(where), what, name, **json.loads(more)))
