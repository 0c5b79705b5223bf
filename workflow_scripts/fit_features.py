"""Rule `fit_features`: fit the transform from crops to features on training clips."""

from dubber import entry
from dubber.corpus.manifest import load_manifest
from dubber.media.pca import fit_features
from dubber.media.settings import FeatureSettings


def main() -> None:
    args = entry.arguments(__doc__, "settings", "identity", "output", "record", lists=("crops", "manifests"))
    train = set().union(*(load_manifest(path).clips("train") for path in args.manifests))
    fit_features(args.crops, train, FeatureSettings.model_validate(args.settings)).save(args.output)
    entry.record_fit(args.record, args.identity, args.crops)


if __name__ == "__main__":
    entry.run(main)
