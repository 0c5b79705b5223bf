"""Rule `ground_truth`: the recordings of a shard's test clips, as long as their video."""

from dubber.runner import run
from dubber.steps.ground_truth import ground_truth

if __name__ == "__main__":
    run(ground_truth)
