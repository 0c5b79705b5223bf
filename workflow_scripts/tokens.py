"""Rule `tokens`: quantise a shard's WORLD analysis."""

from dubber.runner import run
from dubber.steps.tokens import tokens

if __name__ == "__main__":
    run(tokens)
