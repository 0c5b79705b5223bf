"""Rules `report` and `paper`: the page and the figures of an experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubber.report.figure_files import write_figures
from dubber.report.html import ReportInputs, build_report
from dubber.report.settings import ReportSettings
from dubber.runner import Inputs, Output, Wildcard


@dataclass(frozen=True)
class Found:
    """Every file that the page shows something of.

    Attributes:
        manifest: of the corpus.
        tables, comparisons, alignment: CSV files.
        scores, dubs, attention, failures: artifacts of all systems.
        summaries: of the training runs.
    """

    manifest: Path
    tables: Inputs
    comparisons: Inputs
    alignment: Inputs
    scores: Inputs
    dubs: Inputs
    attention: Inputs
    failures: Inputs
    summaries: Inputs


def report(
    experiment: Wildcard, found: Found, root: Path, settings: dict[str, Any], figures: str, artifact: Output
) -> None:
    """Write the page, and its figures as files.

    Args:
        experiment: its name.
        found: what the page shows.
        root: the folder that the manifest's paths are relative to.
        settings: the experiment.
        figures: the folder of the figure files; empty for none.
        artifact: the page.
    """
    inputs = ReportInputs(
        experiment=experiment,
        command=f"snakemake --cores 2 {artifact}",
        settings=settings,
        tables={path.stem.removeprefix(f"{experiment}_"): path for path in found.tables},
        comparisons=found.comparisons,
        scores=found.scores,
        dubs=found.dubs,
        manifest=found.manifest,
        media_root=root,
        runs={path.parent.name: path for path in found.summaries},
        attention=found.attention,
        alignment=found.alignment,
        failures=found.failures,
    )
    shown = ReportSettings.model_validate(settings["report"])
    if figures:
        write_figures(inputs, shown, figures)
    build_report(inputs, shown, artifact)
