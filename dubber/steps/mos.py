"""Rule `mos`: the answers of listeners as a table."""

from __future__ import annotations

from dubber.listening.answers import read_answers
from dubber.listening.definition import load_test
from dubber.listening.mos import build_mos
from dubber.report.published import load_published, opinions_beside
from dubber.report.settings import ReportSettings
from dubber.report.tables import write_csv
from dubber.runner import Inputs, OptionalInput, Output


def mos(
    tests: Inputs, answers: Inputs, published: OptionalInput, corpus: str, settings: ReportSettings, artifact: Output
) -> None:
    """Write the mean opinion scores with intervals, beside the published ones where the experiment shows any.

    Args:
        tests: definitions of the listening tests.
        answers: of every listener.
        published: the list of published figures.
        corpus: of the published experiment.
        settings: of the bootstrap.
        artifact: the CSV file to write.
    """
    found = [answer for path in answers for answer in read_answers(path)]
    table = build_mos([load_test(path) for path in tests], found, bootstrap=settings.bootstrap)
    if published:
        table = opinions_beside(table, load_published(published, corpus=corpus, table="table"))
    write_csv(table, artifact)
