"""Rule `crops`: decode a shard's video at 25 frames a second, track the face, cut out face and lips."""

from dubber.runner import run
from dubber.steps.crops import crops

if __name__ == "__main__":
    run(crops)
