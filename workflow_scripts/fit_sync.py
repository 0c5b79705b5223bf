"""Rule `fit_sync`: fit the embedded lip-sync encoders on training clips."""

from dubber.runner import run
from dubber.steps.fit_sync import fit_sync

if __name__ == "__main__":
    run(fit_sync)
