"""Rules `table` and `ablation`: gather the scores into a table."""

from dubber.runner import run
from dubber.steps.table import table

if __name__ == "__main__":
    run(table)
