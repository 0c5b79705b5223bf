"""Rule `plot`: a table as a figure."""

import pandas as pd

from dubber import entry
from dubber.report.figures import save
from dubber.report.published import measured_rows
from dubber.report.table_plots import draw_ablations, draw_evaluations

DRAW = {"ablations": draw_ablations, "nfe": draw_evaluations}


def main() -> None:
    args = entry.arguments(__doc__, "table", "kind", "stem")
    table = measured_rows(pd.read_csv(args.table, dtype={"protocol": str}))
    save(DRAW[args.kind](table), args.stem)


if __name__ == "__main__":
    entry.run(main)
