"""Loss curves from a run's metrics.jsonl: one small panel per loss term, training and validation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dubber.errors import DubberError
from dubber.report.figures import COLOURS, INK, style

COLUMNS = 4
PANEL = (2.35, 1.75)  # inches


@dataclass(frozen=True)
class Curve:
    """One loss over optimiser steps; both arrays have one entry per logged line."""

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Losses:
    """Curves of one run: phase ("train", "val") -> term -> curve. The sum of all terms is the term "loss"."""

    phases: dict[str, dict[str, Curve]]

    @property
    def terms(self) -> list[str]:
        """Every term, the sum first."""
        names = {name for curves in self.phases.values() for name in curves}
        return sorted(names, key=lambda name: (name != "loss", name))


def read_losses(path: Path | str) -> Losses:
    """Read lines such as {"step": 10, "phase": "train", "loss": 3.1, "terms": {"duration": 0.4}}.

    A line without a step or a loss is not a loss and is passed over. A run that went on from a checkpoint may have
    logged a step twice: the later line counts. A last line that a kill cut short is left out.

    Raises:
        DubberError: the file is missing, or a line that is not the last is not JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise DubberError("A run's log is missing.", looked_at=path, hint="Run the training again; it will resume.")
    points: dict[str, dict[str, dict[int, float]]] = {}
    for record in _records(path):
        if "step" not in record or record.get("loss") is None:
            continue
        of_phase = points.setdefault(record.get("phase", "train"), {})
        for term, value in {"loss": record["loss"], **record.get("terms", {})}.items():
            of_phase.setdefault(term, {})[int(record["step"])] = float(value)
    return Losses({phase: {term: _curve(found) for term, found in terms.items()} for phase, terms in points.items()})


def _records(path: Path) -> list[dict]:
    lines = path.read_text(encoding="utf-8").splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            if number < len(lines):
                raise DubberError(f"Line {number} of a run's log is not JSON.", looked_at=path) from None
    return records


def _curve(found: dict[int, float]) -> Curve:
    steps = sorted(found)
    return Curve(np.array(steps), np.array([found[step] for step in steps]))


def smooth(values: np.ndarray, factor: float) -> np.ndarray:
    """Exponential moving average, free of the start's bias; factor 0 leaves the values as they are."""
    averaged, weight, smoothed = 0.0, 0.0, []
    for value in values:
        averaged = factor * averaged + (1 - factor) * value
        weight = factor * weight + (1 - factor)
        smoothed.append(averaged / weight)
    return np.array(smoothed)


def draw_losses(losses: Losses, *, smoothing: float) -> Figure:
    """One panel per term: training faint with its moving average, validation with markers.

    Raises:
        DubberError: the log has no losses.
    """
    terms = losses.terms
    if not terms:
        raise DubberError("A run's log has no losses to draw.", hint="The run was stopped before its first log line.")
    rows, columns = -(-len(terms) // COLUMNS), min(COLUMNS, len(terms))
    with style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(PANEL[0] * columns, PANEL[1] * rows), squeeze=False, layout="constrained"
        )
        for axis, term in zip(axes.flat, terms, strict=False):
            _draw_term(axis, losses, term, smoothing)
        for axis in axes.flat[len(terms) :]:
            axis.set_visible(False)
        for axis in axes[-1]:
            axis.set_xlabel("step")
        axes.flat[0].legend(loc="upper right")
    return figure


def _draw_term(axis: Axes, losses: Losses, term: str, smoothing: float) -> None:
    train = losses.phases.get("train", {}).get(term)
    if train:
        axis.plot(train.steps, train.values, color=COLOURS[0], alpha=0.25, linewidth=0.7)
        axis.plot(train.steps, smooth(train.values, smoothing), color=COLOURS[0], label="training")
    validation = losses.phases.get("val", {}).get(term)
    if validation:
        axis.plot(validation.steps, validation.values, color=COLOURS[1], marker="o", markersize=3, label="validation")
    axis.set_title("all terms, weighted" if term == "loss" else term.replace("_", " "), color=INK)
    axis.margins(x=0.02)
    axis.locator_params(nbins=4)
