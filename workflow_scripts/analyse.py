"""Rule `analyse`: WORLD analysis of a shard."""

from dubber import entry
from dubber.codec.settings import WorldAnalysisSettings
from dubber.corpus.manifest import load_shard
from dubber.steps.analyse import analyse_shard


def main() -> None:
    args = entry.arguments(
        __doc__, "manifest", "shard", "audio", "settings", "max-failed-share", "output", lists=("crops",)
    )
    analyse_shard(
        load_shard(args.manifest, args.shard),
        args.audio,
        args.crops[0] if args.crops else None,
        WorldAnalysisSettings.model_validate(args.settings),
        args.output,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
