"""Is a system better than another? Paired tests on the same clips, for every metric."""

from __future__ import annotations

import pandas as pd

from dubber.errors import DubberError
from dubber.report.bootstrap import paired_test
from dubber.report.columns import ordered
from dubber.report.settings import BootstrapSettings


def compare(scores: pd.DataFrame, *, baseline: str, bootstrap: BootstrapSettings) -> pd.DataFrame:
    """Every other system against `baseline`, protocol by protocol.

    Args:
        scores: what `dubber.report.tables.load_scores` read.

    Returns:
        One row per system, protocol and metric: difference (system - baseline) over the clips that both have a value
        for, its interval, the two-sided p and the number of clips.

    Raises:
        DubberError: `baseline` was not scored.
    """
    if baseline not in set(scores.system):
        known = ", ".join(sorted(set(scores.system)))
        raise DubberError(f"There are no scores of the baseline {baseline}.", looked_at=f"the scores of {known}")
    wide = scores.dropna(subset="value").pivot(
        index=["protocol", "metric", "clip"], columns="system", values=["value", "weight"]
    )
    rows = [
        _compared(wide, system, baseline, protocol, metric, bootstrap)
        for system in sorted(set(scores.system) - {baseline})
        for protocol in sorted(set(scores.protocol))
        for metric in ordered(set(scores.metric))
    ]
    return pd.DataFrame([row for row in rows if row])


def _compared(wide: pd.DataFrame, system, baseline, protocol, metric, bootstrap) -> dict[str, object] | None:
    if (protocol, metric) not in wide.index.droplevel("clip"):
        return None
    both = wide.loc[(protocol, metric)]
    both = both.dropna(subset=[("value", system), ("value", baseline)]).sort_index()
    if both.empty:
        return None
    test = paired_test(
        system=both[("value", system)].to_numpy(),
        baseline=both[("value", baseline)].to_numpy(),
        system_weights=both[("weight", system)].to_numpy(),
        baseline_weights=both[("weight", baseline)].to_numpy(),
        settings=bootstrap,
    )
    return {
        "system": system,
        "baseline": baseline,
        "protocol": protocol,
        "metric": metric,
        "difference": test.difference.mean,
        "low": test.difference.low,
        "high": test.difference.high,
        "p": test.p,
        "n": test.difference.n,
    }
