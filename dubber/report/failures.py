"""Every clip that was lost on the way, with the step and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dubber.artifacts import read_rows


@dataclass(frozen=True, order=True)
class Failure:
    """One clip lost at one step, such as "crops" or "scoring full in protocol 2.0"."""

    step: str
    clip: str
    reason: str


def collect_failures(paths: Iterable[Path | str], scores: pd.DataFrame) -> list[Failure]:
    """Rows of the steps' failures files, and the clips that scored as failed, each reason once."""
    found = {
        Failure(row["step"], row["clip"], row["reason"]) for path in paths for row in read_rows(path) if row["clip"]
    }
    failed = scores[scores["reason"].notna()]
    for row in failed.itertuples():
        found.add(Failure(f"scoring {row.system} in protocol {row.protocol}", row.clip, row.reason))
    return sorted(found)
