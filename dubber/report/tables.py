"""The results table: one row per system and protocol; for each metric its mean, interval, count and backend."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dubber.artifacts import read_table
from dubber.errors import DubberError
from dubber.files import atomic_path
from dubber.report.bootstrap import interval
from dubber.report.columns import ordered
from dubber.report.settings import BootstrapSettings

FIRST = ("ground_truth", "codec")  # reference rows, above the systems
UTTERANCE = "_utterance"  # behind a column of word error rates: the mean of the single clips' rates
COUNTS = ("parameters", "n_ok", "n_failed", "published_parameters")  # whole numbers, or empty


@dataclass(frozen=True)
class RunFacts:
    """What the table says of a system that was trained here.

    Attributes:
        fingerprint: of the run.
        parameters: scalars of the model.
    """

    fingerprint: str
    parameters: int


def load_scores(paths: Iterable[Path | str]) -> pd.DataFrame:
    """The rows of `.../<system>/<protocol>/<shard>.parquet` files, with columns `system` and `protocol`.

    Raises:
        DubberError: there is no file, or a clip was scored twice for one system, protocol and metric.
    """
    frames = []
    for path in map(Path, paths):
        frame = read_table(path).to_pandas()
        frames.append(frame.assign(system=path.parent.parent.name, protocol=path.parent.name))
    if not frames:
        raise DubberError(
            "A table needs scores, and none were given.", hint="The experiment needs at least one test clip."
        )
    scores = pd.concat(frames, ignore_index=True)
    twice = scores[scores.duplicated(["system", "protocol", "clip", "metric"])]
    if len(twice):
        row = twice.iloc[0]
        raise DubberError(f"Clip {row.clip} has two {row.metric} scores for {row.system} in protocol {row.protocol}.")
    return scores


def build_table(
    scores: pd.DataFrame,
    *,
    runs: Mapping[str, RunFacts],
    bootstrap: BootstrapSettings,
    order: Sequence[str] = FIRST,
    only: Sequence[str] = (),
) -> pd.DataFrame:
    """Aggregate what `load_scores` read.

    A clip is failed where any of its rows carries a reason. For a metric M the columns are M (mean; a ratio of sums
    where weights differ), M_low and M_high (bootstrap interval over clips), M_n (clips in the mean) and M_backend.

    Args:
        runs: system -> the run that made it; the columns `fingerprint` and `parameters` of other systems are empty.
        order: systems that come first, in this order; the others follow by name.
        only: the metrics that are shown; all of them where there are none.

    Raises:
        DubberError: systems were not scored on the same clips, one metric by two backends, or none of `only` at all.
    """
    _check_same_clips(scores)
    _check_one_backend(scores)
    words = scores[scores.metric.str.match(r"WER\b")]
    utterance = words.assign(metric=words.metric + UTTERANCE, weight=1.0)
    scores = pd.concat([scores, utterance], ignore_index=True)
    metrics = [name for name in ordered(set(scores.metric)) if not only or name in only]
    if not metrics:
        raise DubberError(
            f"None of the metrics {', '.join(only)} was measured.",
            looked_at=", ".join(ordered(set(scores.metric))),
            hint="Add the metric to the experiment's `metrics`.",
        )
    groups = scores.groupby(["system", "protocol"], sort=False)
    rows = [_row(system, protocol, group, metrics, runs.get(system), bootstrap) for (system, protocol), group in groups]
    rows.sort(key=lambda row: (_rank(str(row["system"]), order), row["protocol"]))
    return pd.DataFrame(rows)


def read_run(summary: Path | str) -> RunFacts:
    """From a run's `summary.json`."""
    facts = json.loads(Path(summary).read_text(encoding="utf-8"))
    return RunFacts(facts["fingerprint"], facts["parameters"]["total"])


def write_csv(table: pd.DataFrame, output: Path | str) -> None:
    """Write a table atomically, six significant digits."""
    whole = table.astype({name: "Int64" for name in COUNTS if name in table})
    with atomic_path(output) as temporary:
        whole.to_csv(temporary, index=False, float_format="%.6g")


def run_fingerprint(summary: Path | str) -> str:
    """The fingerprint that a run's `summary.json` states."""
    return json.loads(Path(summary).read_text(encoding="utf-8"))["fingerprint"]


def _row(system, protocol, group: pd.DataFrame, metrics, run: RunFacts | None, bootstrap) -> dict[str, object]:
    failed = group.groupby("clip")["reason"].agg(lambda reasons: reasons.notna().any())
    row: dict[str, object] = {
        "system": system,
        "protocol": protocol,
        "n_ok": int((~failed).sum()),
        "n_failed": int(failed.sum()),
        "fingerprint": run.fingerprint if run else "",
        "parameters": run.parameters if run else None,
    }
    for metric in metrics:
        row.update(_cell(metric, group[group.metric == metric], bootstrap))
    return row


def _cell(metric: str, rows: pd.DataFrame, bootstrap: BootstrapSettings) -> dict[str, object]:
    backend = rows.backend.iloc[0] if len(rows) else ""
    rows = rows.dropna(subset="value").sort_values("clip")
    if rows.empty:
        return {
            metric: None,
            f"{metric}_low": None,
            f"{metric}_high": None,
            f"{metric}_n": 0,
            f"{metric}_backend": backend,
        }
    found = interval(rows.value.to_numpy(), rows.weight.to_numpy(), bootstrap)
    return {
        metric: found.mean,
        f"{metric}_low": found.low,
        f"{metric}_high": found.high,
        f"{metric}_n": found.n,
        f"{metric}_backend": backend,
    }


def _rank(system: str, order: Sequence[str]) -> tuple[int, str]:
    return (order.index(system) if system in order else len(order), system)


def _check_same_clips(scores: pd.DataFrame) -> None:
    clips = {key: frozenset(group["clip"]) for key, group in scores.groupby(["system", "protocol"], sort=False)}
    (first, expected), *others = clips.items()
    for key, found in others:
        if found != expected:
            odd = sorted(found ^ expected)
            raise DubberError(
                f"{'/'.join(key)} and {'/'.join(first)} were not scored on the same test clips.",
                looked_at=f"{len(odd)} clips that only one of them has, first {odd[0]}",
                hint="Score every system with the same manifest; a failed clip must have its row too.",
            )


def _check_one_backend(scores: pd.DataFrame) -> None:
    for metric, backends in scores.groupby("metric")["backend"].unique().items():
        if len(backends) > 1:
            raise DubberError(
                f"{metric} was measured by two backends: {' and '.join(sorted(backends))}.",
                hint="A column holds numbers of one backend only. Score all systems again.",
            )
