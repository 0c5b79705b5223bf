"""Rule `mos`: gather what listeners answered into a table."""

from dubber.runner import run
from dubber.steps.mos import mos

if __name__ == "__main__":
    run(mos)
