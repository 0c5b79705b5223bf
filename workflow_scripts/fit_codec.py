"""Rule `fit_codec`: fit the WORLD codec's codebooks on training clips."""

from dubber import entry
from dubber.codec.settings import WorldSettings
from dubber.corpus.manifest import load_manifest
from dubber.steps.analyse import fit_shards


def main() -> None:
    args = entry.arguments(__doc__, "settings", "identity", "output", "record", lists=("analysis", "manifests"))
    train = set().union(*(load_manifest(path).clips("train") for path in args.manifests))
    fit_shards(args.analysis, train, WorldSettings.model_validate(args.settings)).save(args.output)
    entry.record_fit(args.record, args.identity, args.analysis)


if __name__ == "__main__":
    entry.run(main)
