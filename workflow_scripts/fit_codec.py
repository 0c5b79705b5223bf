"""Rule `fit_codec`: fit the WORLD codec's codebooks on training clips."""

from dubber.runner import run
from dubber.steps.fit_codec import fit_codec

if __name__ == "__main__":
    run(fit_codec)
