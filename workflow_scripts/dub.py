"""Rule `dub`: dub a shard's test clips with a trained student."""

from dubber.runner import run
from dubber.steps.dub import dub

if __name__ == "__main__":
    run(dub)
