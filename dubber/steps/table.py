"""Rules `table` and `ablation`: scores gathered into a table."""

from __future__ import annotations

from dataclasses import dataclass

from dubber.report.published import beside, load_published
from dubber.report.settings import ReportSettings
from dubber.report.tables import build_table, load_scores, read_run, write_csv
from dubber.runner import Inputs, OptionalInput, Output


@dataclass(frozen=True)
class Layout:
    """What the table shows.

    Attributes:
        systems: in their order.
        metrics: all that were measured where none is named.
        trained: the systems that were trained here.
        summaries: of their runs, in the same order.
    """

    systems: tuple[str, ...]
    metrics: tuple[str, ...]
    trained: tuple[str, ...]
    summaries: Inputs


@dataclass(frozen=True)
class Published:
    """Figures of papers that are shown beside the measured ones.

    Attributes:
        published: the list of figures, if the experiment shows any.
        corpus: of the published experiment.
        kind: of the table.
    """

    published: OptionalInput
    corpus: str
    kind: str


def table(scores: Inputs, layout: Layout, others: Published, settings: ReportSettings, artifact: Output) -> None:
    """Write means with intervals, what measured them, and how many clips failed.

    Args:
        scores: of every system, protocol and shard.
        layout: systems and metrics.
        others: published figures.
        settings: of the bootstrap.
        artifact: the CSV file to write.
    """
    runs = {system: read_run(path) for system, path in zip(layout.trained, layout.summaries, strict=True)}
    measured = build_table(
        load_scores(scores), runs=runs, bootstrap=settings.bootstrap, order=layout.systems, only=layout.metrics
    )
    if others.published:
        measured = beside(measured, load_published(others.published, corpus=others.corpus, table=others.kind))
    write_csv(measured, artifact)
