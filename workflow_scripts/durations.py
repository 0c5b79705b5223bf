"""Rule `durations`: phone times to whole frames and whole tokens per phoneme."""

from dubber import entry
from dubber.align.settings import AlignSettings
from dubber.corpus.manifest import load_shard
from dubber.steps.durations import durations_shard


def main() -> None:
    args = entry.arguments(
        __doc__, "manifest", "shard", "phones", "audio", "settings", "max-failed-share", "output", lists=("crops",)
    )
    crops = args.crops[0] if args.crops else None
    durations_shard(
        load_shard(args.manifest, args.shard),
        args.phones,
        args.output,
        AlignSettings.model_validate(args.settings),
        max_failed_share=float(args.max_failed_share),
        audio_parquet=None if crops else args.audio,
        crops_parquet=crops,
    )


if __name__ == "__main__":
    entry.run(main)
