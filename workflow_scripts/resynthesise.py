"""Rule `resynthesise`: decode the true tokens of a shard's test clips."""

from dubber.runner import run
from dubber.steps.resynthesise import resynthesise

if __name__ == "__main__":
    run(resynthesise)
