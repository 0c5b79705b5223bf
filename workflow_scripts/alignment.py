"""Rule `alignment`: the boundary error of the full system's alignment against the forced aligner's."""

from dubber.runner import run
from dubber.steps.alignment import alignment

if __name__ == "__main__":
    run(alignment)
