"""Rule `align`: force-align a shard's clips with the embedded aligner."""

from dubber.runner import run
from dubber.steps.align import align

if __name__ == "__main__":
    run(align)
