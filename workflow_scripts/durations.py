"""Rule `durations`: phone times to whole frames and whole tokens per phoneme."""

from dubber.runner import run
from dubber.steps.durations import durations

if __name__ == "__main__":
    run(durations)
