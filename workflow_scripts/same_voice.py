"""Rule `same_voice`: another recording of the same speaker in the place of each test clip."""

from dubber.runner import run
from dubber.steps.same_voice import same_voice

if __name__ == "__main__":
    run(same_voice)
