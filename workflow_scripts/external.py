"""Rule `external`: another system's speech for a shard's test clips."""

from dubber.runner import run
from dubber.steps.external import external

if __name__ == "__main__":
    run(external)
