"""Rule `control`: dub a shard's test clips with one input of another clip."""

from dubber.runner import run
from dubber.steps.control import control

if __name__ == "__main__":
    run(control)
