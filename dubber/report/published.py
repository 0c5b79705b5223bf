"""Figures that papers print, beside those that were measured here, in columns that nobody takes for measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dubber.errors import DubberError
from dubber.report.columns import ordered
from dubber.settings import unknown_key

PUBLISHED = "published_"
SOURCE = f"{PUBLISHED}source"
COLUMNS = ("corpus", "table", "protocol", "system", "metric", "value", "source", "taken_from")


def load_published(path: Path | str, *, corpus: str, table: str) -> pd.DataFrame:
    """The rows of `config/published.csv` for one table.

    Args:
        corpus: the corpus of the published experiment, not a corpus of the configuration.
        table: `table`, `ablations`, `nfe` or `prosody`.

    Raises:
        DubberError: the file lacks a column, or has nothing of that corpus.
    """
    rows = pd.read_csv(path, dtype={"protocol": str}, keep_default_na=False)
    lacking = [name for name in COLUMNS if name not in rows]
    if lacking:
        raise DubberError(f"The list of published figures lacks {', '.join(lacking)}.", looked_at=str(path))
    if corpus not in set(rows.corpus):
        problem = unknown_key(corpus, sorted(set(rows.corpus))).replace("key", "corpus")
        raise DubberError(f"No figures are published here: {problem}", looked_at=str(path))
    return rows[(rows.corpus == corpus) & (rows.table == table)]


def beside(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """A measured table with the columns `published_<metric>` and `published_source` at its end.

    A published figure without a setting stands in every setting's row. A published system that was not measured gets a
    row of its own in which everything measured is empty.
    """
    if published.empty:
        return table
    named = _placed(table, published)
    figures = named.pivot(index=["system", "protocol"], columns="metric", values="value")
    figures = figures[ordered(set(figures.columns))].add_prefix(PUBLISHED)
    figures[SOURCE] = named.groupby(["system", "protocol"]).apply(_sources, include_groups=False)
    joined = table.merge(figures.reset_index(), how="outer", on=["system", "protocol"])
    return _in_order(joined, table)


def measured_rows(table: pd.DataFrame) -> pd.DataFrame:
    """A table without the rows that only papers know."""
    return table[table.n_ok.notna()]


def _placed(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Published figures with a setting each; one without is repeated for every setting that was measured."""
    measured = table.groupby("system")["protocol"].agg(list)
    settings = [
        [row.protocol] if row.protocol else measured.get(row.system, [""]) for row in published.itertuples(index=False)
    ]
    return published.assign(protocol=settings).explode("protocol")


def _sources(rows: pd.DataFrame) -> str:
    return "; ".join(dict.fromkeys(f"{row.source} ({row.taken_from})" for row in rows.itertuples()))


def _in_order(joined: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The measured table's rows in their order, then those that were only published."""
    places = {(row.system, row.protocol): i for i, row in enumerate(table.itertuples())}
    keys = [(places.get(key, len(places)), *key) for key in zip(joined.system, joined.protocol, strict=True)]
    return joined.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)
