"""Rule `plot`: a table as a figure."""

from __future__ import annotations

import pandas as pd

from dubber.report.figures import save
from dubber.report.published import measured_rows
from dubber.report.table_plots import draw_ablations, draw_evaluations
from dubber.runner import Input, Output, Wildcard

DRAW = {"ablations": draw_ablations, "nfe": draw_evaluations}


def plot(csv: Input, table: Wildcard, svg: Output) -> None:
    """Draw the measured rows as SVG, PDF and PNG.

    Args:
        csv: the table.
        table: "ablations" or "nfe".
        svg: the first of the three files; the others have the same name with another suffix.
    """
    measured = measured_rows(pd.read_csv(csv, dtype={"protocol": str}))
    save(DRAW[table](measured), svg.with_suffix(""))
