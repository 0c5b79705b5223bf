"""Rule `features`: a shard's crops to lip and face features."""

from dubber import entry
from dubber.media.feature_shards import feature_shard
from dubber.media.features import FeatureTransform


def main() -> None:
    args = entry.arguments(__doc__, "crops", "transform", "max-failed-share", "output")
    feature_shard(
        args.crops, FeatureTransform.load(args.transform), args.output, max_failed_share=float(args.max_failed_share)
    )


if __name__ == "__main__":
    entry.run(main)
