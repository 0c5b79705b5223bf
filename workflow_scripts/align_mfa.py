"""Rule `align_mfa`: force-align a shard's clips with the Montreal Forced Aligner."""

from dubber.runner import run
from dubber.steps.align_mfa import align_mfa

if __name__ == "__main__":
    run(align_mfa)
