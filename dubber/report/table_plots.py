"""Tables as pictures: evaluations against quality and speed (Table 4), ablations as bars with intervals (Table 3).

Both read a table that `dubber.report.tables.write_csv` wrote and show every metric that has a value in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from dubber.errors import DubberError
from dubber.report.columns import column
from dubber.report.figures import COLOURS, INK, style
from dubber.report.table_view import ARROWS
from dubber.report.tables import UTTERANCE

COLUMNS = 3
PANEL = (2.6, 1.9)  # inches
BAR = 0.2  # inches of height per bar
MARKERS = ("o", "s", "D", "^")  # protocols differ in shape as well as in colour
CLOSEST_LABELS = 0.5  # octaves


def draw_evaluations(table: pd.DataFrame) -> Figure:
    """Every metric over the number of denoiser evaluations, with its interval (Table 4).

    Args:
        table: systems named `nfe_<evaluations>`, in one protocol or more.

    Raises:
        DubberError: there is no such system, or nothing was measured.
    """
    rows = table.assign(nfe=pd.to_numeric(table.system.str.removeprefix("nfe_"), errors="coerce")).dropna(subset="nfe")
    shown = measured(rows)
    lines = -(-len(shown) // COLUMNS)
    with style():
        figure, axes = plt.subplots(
            lines, COLUMNS, figsize=(PANEL[0] * COLUMNS, PANEL[1] * lines), squeeze=False, layout="constrained"
        )
        for axis, metric in zip(axes.flat, shown, strict=False):
            for i, (protocol, found) in enumerate(rows.groupby("protocol")):
                _line(axis, found.sort_values("nfe"), metric, f"protocol {protocol}", i)
            _name(axis, metric)
            _label_evaluations(axis, sorted(set(rows.nfe)))
        for axis in axes.flat[len(shown) :]:
            axis.set_visible(False)
        if rows.protocol.nunique() > 1:
            axes.flat[0].legend()
    return figure


def draw_ablations(table: pd.DataFrame, *, full: str = "full") -> Figure:
    """Every metric as bars, one per system and protocol, with intervals; a line marks the full system (Table 3).

    Raises:
        DubberError: nothing was measured.
    """
    shown, systems = measured(table), list(dict.fromkeys(table.system))
    settings = sorted(set(table.protocol))
    lines = -(-len(shown) // COLUMNS)
    height = BAR * len(systems) * len(settings) + 0.7
    with style():
        figure, axes = plt.subplots(
            lines,
            COLUMNS,
            figsize=(PANEL[0] * COLUMNS + 1, height * lines),
            squeeze=False,
            sharey=True,
            layout="constrained",
        )
        for axis, metric in zip(axes.flat, shown, strict=False):
            for i, protocol in enumerate(settings):
                _bars(axis, table[table.protocol == protocol].set_index("system").reindex(systems), metric, i, settings)
                _mark(axis, table, metric, full, protocol, i)
            _name(axis, metric)
        axes[0, 0].set_yticks(range(len(systems)), systems)
        axes[0, 0].invert_yaxis()
        for axis in axes.flat[len(shown) :]:
            axis.set_visible(False)
        if len(settings) > 1:
            handles, labels = axes.flat[0].get_legend_handles_labels()
            figure.legend(handles, labels, loc="outside upper right", ncols=len(settings))
    return figure


def measured(table: pd.DataFrame) -> list[str]:
    """The table's metrics that have a value; of the two word error rates the one of the whole test set.

    Raises:
        DubberError: there are none.
    """
    names = [name.removesuffix("_backend") for name in table.columns if name.endswith("_backend")]
    found = [name for name in names if not name.endswith(UTTERANCE) and table[name].notna().any()]
    if not found:
        raise DubberError("The table has no measured value to draw.", looked_at=", ".join(names))
    return found


def _line(axis: Axes, rows: pd.DataFrame, metric: str, label: str, i: int) -> None:
    axis.fill_between(rows.nfe, rows[f"{metric}_low"], rows[f"{metric}_high"], color=COLOURS[i], alpha=0.15, lw=0)
    axis.plot(rows.nfe, rows[metric], color=COLOURS[i], marker=MARKERS[i], markersize=3.5, label=label)


def _bars(axis: Axes, rows: pd.DataFrame, metric: str, i: int, settings: list[str]) -> None:
    thickness = 0.8 / len(settings)
    places = np.arange(len(rows)) + (i - (len(settings) - 1) / 2) * thickness
    value = rows[metric].to_numpy(float)
    spread = np.abs(np.stack([value - rows[f"{metric}_low"], rows[f"{metric}_high"] - value]).astype(float))
    axis.barh(
        places,
        value,
        height=thickness * 0.9,
        xerr=spread,
        color=COLOURS[i],
        alpha=0.85,
        hatch="//" if i else None,
        edgecolor="white",
        error_kw={"elinewidth": 0.9, "ecolor": INK, "capsize": 1.5},
        label=f"protocol {settings[i]}",
    )


def _mark(axis: Axes, table: pd.DataFrame, metric: str, full: str, protocol: str, i: int) -> None:
    value = table.loc[(table.system == full) & (table.protocol == protocol), metric]
    if len(value) and np.isfinite(value.iloc[0]):
        axis.axvline(value.iloc[0], color=COLOURS[i], linewidth=0.8, linestyle=":")


def _name(axis: Axes, metric: str) -> None:
    shown = column(metric)
    unit = f", {shown.unit}" if shown.unit else ""
    axis.set_title(f"{shown.name}{unit} {ARROWS[shown.better]}", color=INK)


def _label_evaluations(axis: Axes, counts: Sequence[int]) -> None:
    """A tick for every count; a label that would touch the one before is left out."""
    labels, last = [], -np.inf
    for count in counts:
        apart = np.log2(count) - last >= CLOSEST_LABELS
        labels.append(f"{count:.0f}" if apart else "")
        last = np.log2(count) if apart else last
    axis.set_xscale("log", base=2)
    axis.set_xticks(counts, labels)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("evaluations")
