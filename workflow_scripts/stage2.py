"""Rule `stage2`: adapt the teacher to dubbing."""

from dubber.runner import run
from dubber.steps.stage2 import stage2

if __name__ == "__main__":
    run(stage2)
