"""Rule `attention`: gather the attention maps that were kept, with the aligner's durations beside them."""

from dubber.runner import run
from dubber.steps.attention import attention

if __name__ == "__main__":
    run(attention)
