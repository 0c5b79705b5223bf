"""Rule `analyse`: WORLD analysis of a shard."""

from dubber.runner import run
from dubber.steps.analyse import analyse

if __name__ == "__main__":
    run(analyse)
