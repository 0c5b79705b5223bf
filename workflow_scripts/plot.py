"""Rule `plot`: a table as a figure."""

from dubber.runner import run
from dubber.steps.plot import plot

if __name__ == "__main__":
    run(plot)
