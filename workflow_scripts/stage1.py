"""Rule `stage1`: train the zero-shot TTS teacher."""

from dubber.runner import run
from dubber.steps.stage1 import stage1

if __name__ == "__main__":
    run(stage1)
