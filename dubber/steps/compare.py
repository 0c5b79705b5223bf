"""Rule `compare`: paired tests of every system against one."""

from __future__ import annotations

from dubber.report.comparisons import compare as compared
from dubber.report.settings import ReportSettings
from dubber.report.tables import load_scores, write_csv
from dubber.runner import Inputs, Output


def compare(scores: Inputs, baseline: str, settings: ReportSettings, artifact: Output) -> None:
    """Compare on the same clips: difference, interval, p.

    Args:
        scores: of every system.
        baseline: the system that the others are compared with.
        settings: of the bootstrap.
        artifact: the CSV file to write.
    """
    write_csv(compared(load_scores(scores), baseline=baseline, bootstrap=settings.bootstrap), artifact)
