"""Whether two runs of an experiment gave the same: `compare.py EXPERIMENT FOLDER OTHER`.

Every number of the table but the clock's, and every byte of the trained weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

TIMED = "RTF"  # measured by the clock, so it is never twice the same


def read(folder: Path, experiment: str) -> pd.DataFrame:
    """The main table, without the columns that a clock measured."""
    table = pd.read_csv(folder / f"results/{experiment}_table.csv", dtype=str)
    return table[[name for name in table if name.split("_")[0] != TIMED]]


def differences(experiment: str, folder: Path, other: Path) -> list[str]:
    """One line for each thing that differs."""
    one, two = read(folder, experiment), read(other, experiment)
    if one.shape != two.shape or list(one) != list(two):
        return [f"tables of different shape: {one.shape} and {two.shape}"]
    cells = (one.fillna("") != two.fillna("")).stack()
    lines = [
        f"{one.system[row]} {one.protocol[row]} {name}: {one[name][row]} and {two[name][row]}"
        for row, name in cells[cells].index
    ]
    for run in ("stage1", "full"):
        weights = f"runs/{experiment}/{run}/model.safetensors"
        if (folder / weights).read_bytes() != (other / weights).read_bytes():
            lines.append(f"{weights} differs")
    return lines


def main() -> None:
    experiment, folder, other = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    lines = differences(experiment, folder, other)
    if lines:
        raise SystemExit("\n".join([f"{folder} and {other} differ:", *lines]))
    table = read(folder, experiment)
    print(f"the same {table.size} cells of {experiment}_table.csv and the same weights, bit for bit")


if __name__ == "__main__":
    main()
