"""Rule `shifted`: the recordings of a shard's test clips, 0.32 s late."""

from dubber.runner import run
from dubber.steps.shifted import shifted

if __name__ == "__main__":
    run(shifted)
