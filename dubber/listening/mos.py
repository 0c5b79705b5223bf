"""The table of the listening test: mean opinion scores, 1 to 5, with intervals over listeners and clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dubber.errors import DubberError
from dubber.listening.answers import Answer, latest
from dubber.listening.definition import QUESTIONS, HeardSystem, ListeningTest
from dubber.report.bootstrap import crossed_interval
from dubber.report.settings import BootstrapSettings

METRICS = {"similarity": "MOS-S", "naturalness": "MOS-N"}


def build_mos(
    tests: Sequence[ListeningTest], answers: Sequence[Answer], *, bootstrap: BootstrapSettings
) -> pd.DataFrame:
    """One row per test, question and system that somebody has judged.

    Of the answers of a listener to one question on one sample the last one counts. `n_listeners` and `n_samples` are
    those with an answer, `n_missing` is what these listeners were asked and have not answered, `n_failed` the corpus's
    test clips that the system has no speech for, so that nobody could hear them.

    Raises:
        DubberError: an answer is to a sample that no test has.
    """
    counted = latest(answers)
    _check_known(tests, counted)
    table = _frame(counted)
    rows = [
        _row(test, heard, question, table, bootstrap)
        for test in tests
        for question in QUESTIONS
        for heard in test.systems
    ]
    return pd.DataFrame([row for row in rows if row])


def _frame(answers: Sequence[Answer]) -> pd.DataFrame:
    return pd.DataFrame([answer.model_dump(exclude={"time"}) for answer in answers])


def _check_known(tests: Sequence[ListeningTest], answers: Sequence[Answer]) -> None:
    known = {item.sample for test in tests for item in test.items}
    for answer in answers:
        if answer.sample not in known:
            raise DubberError(
                f"The listener {answer.listener} answered on a sample that is in no test.",
                looked_at=f"sample {answer.sample}, clip {answer.clip} of {answer.system}",
                hint="Answers belong beside the test.json that they were given to: put them back together.",
            )


def _row(
    test: ListeningTest, heard: HeardSystem, question: str, table: pd.DataFrame, bootstrap: BootstrapSettings
) -> dict[str, object] | None:
    samples = [item.sample for item in test.items if item.system == heard.system]
    judged = table[table["sample"].isin(samples) & (table["question"] == question)]
    if judged.empty:
        return None
    values = judged.pivot(index="listener", columns="sample", values="value")
    # Columns by clip, not by the samples' random names: the same seed then draws the same clips for every system.
    values = values[[sample for sample in samples if sample in values]].sort_index()
    found = crossed_interval(values.to_numpy(np.float64), bootstrap)
    return {
        "system": heard.system,
        "protocol": test.settings.protocol,
        "metric": METRICS[question],
        "question": question,
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "n_listeners": values.shape[0],
        "n_samples": values.shape[1],
        "n_answers": found.n,
        "n_missing": values.shape[0] * len(samples) - found.n,
        "n_failed": heard.n_failed,
        "fingerprint": heard.fingerprint,
        "test": test.identity,
    }
