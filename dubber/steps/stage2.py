"""Rule `stage2`: the student, adapted to dubbing."""

from __future__ import annotations

from pathlib import Path

from dubber.runner import Inputs, OptionalInput
from dubber.steps.training import Training
from dubber.train.run import Artifacts


def stage2(
    run: Training,
    tokens: Inputs,
    durations: Inputs,
    features: Inputs,
    manifests: tuple[Path, ...],
    teacher: OptionalInput,
) -> None:
    """Train the student, or resume its training.

    Args:
        run: settings and outputs.
        tokens: of the experiment's corpus.
        durations: of the same shards.
        features: of the same shards.
        manifests: of the corpus.
        teacher: the model of stage 1, if the student has one.
    """
    run.on(Artifacts(tokens, durations, manifests, features, teacher))
