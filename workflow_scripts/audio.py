"""Rule `audio`: decode the sound of a shard's clips to 16 kHz mono."""

from dubber.runner import run
from dubber.steps.audio import audio

if __name__ == "__main__":
    run(audio)
