"""Rule `fit_features`: fit the transform from crops to features on training clips."""

from dubber.runner import run
from dubber.steps.fit_features import fit_features

if __name__ == "__main__":
    run(fit_features)
