"""The results table as a page shows it: numbers rounded, intervals beside them, backends named."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dubber.report.columns import Column, column
from dubber.report.published import INTERVAL, PUBLISHED, SOURCE

ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Head:
    """A metric's heading: "WER", or "WER" with the note "per utterance"; `published` where a paper prints it."""

    name: str
    note: str
    arrow: str
    meaning: str
    backend: str
    published: bool = False


@dataclass(frozen=True)
class Cell:
    """A number as text, its interval as text, its raw value for sorting, and the whole truth for a tooltip."""

    text: str
    interval: str
    value: float | None
    title: str


@dataclass(frozen=True)
class Row:
    """One system in one protocol; a system that only a paper knows has no counts of clips."""

    system: str
    protocol: str
    n_ok: int | None
    n_failed: int | None
    fingerprint: str
    parameters: int | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TableView:
    """Headings and rows; `cells` of a row are in the order of `heads`."""

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]


def view(table: pd.DataFrame, level: float) -> TableView:
    """The table that `dubber.report.tables.build_table` made, ready to print. `level` is the intervals' coverage."""
    metrics = [name.removesuffix("_backend") for name in table.columns if name.endswith("_backend")]
    printed = [
        name for name in table.columns if name.startswith(PUBLISHED) and name != SOURCE and not name.endswith(INTERVAL)
    ]
    heads = [_head(column(name), table) for name in metrics]
    heads += [_published_head(name.removeprefix(PUBLISHED)) for name in printed]
    rows = [_row(row, metrics, printed, level) for row in table.to_dict("records")]
    return TableView(tuple(heads), tuple(rows))


def _head(shown: Column, table: pd.DataFrame) -> Head:
    backends = sorted({name for name in table[f"{shown.name}_backend"] if isinstance(name, str) and name})
    name, _, per = shown.name.partition("_")
    note = " ".join(part for part in (shown.unit, f"per {per}" if per else "") if part)
    return Head(name, note, ARROWS[shown.better], shown.meaning, ", ".join(backends))


def _published_head(name: str) -> Head:
    shown = column(name)
    meaning = f"{shown.meaning} As a paper prints it: other clips, other weights, not measured here.".strip()
    return Head(shown.name, shown.unit, ARROWS[shown.better], meaning, "published", published=True)


def _row(row: dict, metrics: list[str], printed: list[str], level: float) -> Row:
    counted = not pd.isna(row["n_ok"])
    cells = [_cell(row, name, level) for name in metrics]
    return Row(
        system=row["system"],
        protocol=str(row["protocol"]),
        n_ok=int(row["n_ok"]) if counted else None,
        n_failed=int(row["n_failed"]) if counted else None,
        fingerprint=row["fingerprint"] if isinstance(row["fingerprint"], str) else "",
        parameters=None if pd.isna(row.get("parameters")) else int(row["parameters"]),
        cells=(*cells, *(_published_cell(row, name) for name in printed)),
    )


def _published_cell(row: dict, name: str) -> Cell:
    value = row[name]
    if pd.isna(value):
        return Cell("–", "", None, "not published")
    text = f"{value:,.0f}" if value > 1000 else f"{value:g}"  # as it is printed
    half = row.get(f"{name}{INTERVAL}")
    interval = "" if half is None or pd.isna(half) else f"± {half:g}"
    return Cell(text, interval, float(value), f"published, not measured here: {row[SOURCE]}")


def _cell(row: dict, name: str, level: float) -> Cell:
    shown, value = column(name), row[name]
    if pd.isna(value):
        return Cell("–", "", None, "not measured")
    low, high = (f"{row[f'{name}_{end}']:.{shown.digits}f}" for end in ("low", "high"))
    unit = f" {shown.unit}" if shown.unit else ""
    title = (
        f"{name} {value:.{shown.digits + 2}f}{unit}; {level:.0%} interval {low} to {high}; "
        f"{int(row[f'{name}_n'])} clips; measured by {row[f'{name}_backend']}"
    )
    if isinstance(row["fingerprint"], str) and row["fingerprint"]:
        title += f"; run {row['fingerprint']}"
    return Cell(f"{value:.{shown.digits}f}", f"{low} – {high}", float(value), title)
