"""Published figures beside measured ones, in columns that are visibly marked as not measured here."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dubber.errors import DubberError
from dubber.report.columns import ordered
from dubber.settings import unknown_key

PUBLISHED = "published_"
SOURCE = f"{PUBLISHED}source"
COLUMNS = ("corpus", "table", "protocol", "system", "metric", "value", "interval95", "source", "remark")
INTERVAL = "_interval95"  # half of the published 95 % interval, where there is one


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
    """A measured table with the columns `published_<metric>`, their intervals and `published_source` at its end.

    A published figure without a protocol is repeated in every protocol's row. A published system that was not measured
    gets a row of its own, in which everything measured is empty.
    """
    if published.empty:
        return table
    named = _placed(table, published)
    figures = named.pivot(index=["system", "protocol"], columns="metric", values="value")
    figures = figures[ordered(set(figures.columns))].add_prefix(PUBLISHED)
    intervals = named[named.interval95 != ""].pivot(index=["system", "protocol"], columns="metric", values="interval95")
    figures = figures.join(intervals.astype(float).add_prefix(PUBLISHED).add_suffix(INTERVAL))
    figures[SOURCE] = named.groupby(["system", "protocol"]).apply(_sources, include_groups=False)
    joined = table.merge(figures.reset_index(), how="outer", on=["system", "protocol"])
    return _in_order(joined, table)


def opinions_beside(table: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """A table of mean opinion scores, one row a system and metric, with published figures in three more columns."""
    keys = ["system", "protocol", "metric"]
    names = {"value": f"{PUBLISHED}mean", "interval95": f"{PUBLISHED}interval95", "source": SOURCE}
    figures = published[[*keys, *names]].rename(columns=names)
    return table.merge(figures, how="left", on=keys)


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
    pairs = zip(rows.source, rows.remark, strict=True)
    return "; ".join(dict.fromkeys(f"{source} ({remark})" if remark else source for source, remark in pairs))


def _in_order(joined: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The measured table's rows in their order, then those that were only published."""
    places = {(row.system, row.protocol): i for i, row in enumerate(table.itertuples())}
    keys = [(places.get(key, len(places)), *key) for key in zip(joined.system, joined.protocol, strict=True)]
    return joined.iloc[sorted(range(len(keys)), key=keys.__getitem__)].reset_index(drop=True)
