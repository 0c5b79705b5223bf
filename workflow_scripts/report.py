"""Rules `report` and `paper`: the page and the figures of an experiment."""

from dubber.runner import run
from dubber.steps.report import report

if __name__ == "__main__":
    run(report)
