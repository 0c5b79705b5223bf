"""Rule `tokens_facodec`: encode a shard's sound with FACodec."""

from dubber.runner import run
from dubber.steps.tokens_facodec import tokens_facodec

if __name__ == "__main__":
    run(tokens_facodec)
