"""Rule `features`: a shard's crops to lip and face features."""

from dubber import entry
from dubber.media.feature_streams import build_streams
from dubber.media.settings import FeatureSettings
from dubber.steps.features import feature_shard


def main() -> None:
    args = entry.arguments(__doc__, "crops", "settings", "max-failed-share", "output", lists=("transform",))
    settings = FeatureSettings.model_validate(args.settings)
    streams = build_streams(settings, args.transform[0] if args.transform else None)
    feature_shard(args.crops, streams, args.output, max_failed_share=float(args.max_failed_share))


if __name__ == "__main__":
    entry.run(main)
