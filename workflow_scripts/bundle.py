"""Rule `bundle`: write the dubber.json of a trained run."""

from dubber.runner import run
from dubber.steps.bundle import bundle

if __name__ == "__main__":
    run(bundle)
