"""Rule `features`: a shard's crops to lip and face features."""

from dubber.runner import run
from dubber.steps.features import features

if __name__ == "__main__":
    run(features)
