"""Rule `stage1`: the zero-shot TTS teacher."""

from __future__ import annotations

from pathlib import Path

from dubber.runner import Inputs
from dubber.steps.training import Training
from dubber.train.run import Artifacts


def stage1(run: Training, tokens: Inputs, durations: Inputs, manifests: tuple[Path, ...]) -> None:
    """Train the teacher, or resume its training.

    Args:
        run: settings and outputs.
        tokens: of every corpus of stage 1.
        durations: of the same shards.
        manifests: of the same corpora.
    """
    run.on(Artifacts(tokens, durations, manifests))
