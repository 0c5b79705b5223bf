"""Rule `text_only`: stage 1 alone speaks the texts of a shard's test clips."""

from dubber.runner import run
from dubber.steps.text_only import text_only

if __name__ == "__main__":
    run(text_only)
