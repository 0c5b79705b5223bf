"""Rule `score`: measure one system's dubs of a shard with every configured metric."""

from dubber.runner import run
from dubber.steps.score import score

if __name__ == "__main__":
    run(score)
