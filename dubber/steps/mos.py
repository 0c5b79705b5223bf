"""Rule `mos`: the answers of listeners as a table."""

from __future__ import annotations

from dubber.listening.answers import read_answers
from dubber.listening.definition import load_test
from dubber.report.mos import build_mos
from dubber.report.settings import ReportSettings
from dubber.report.tables import write_csv
from dubber.runner import Inputs, Output


def mos(tests: Inputs, answers: Inputs, settings: ReportSettings, artifact: Output) -> None:
    """Write the mean opinion scores with intervals.

    Args:
        tests: definitions of the listening tests.
        answers: of every listener.
        settings: of the bootstrap.
        artifact: the CSV file to write.
    """
    found = [answer for path in answers for answer in read_answers(path)]
    write_csv(build_mos([load_test(path) for path in tests], found, bootstrap=settings.bootstrap), artifact)
