"""Rule `align_mfa`: force-align a shard's clips with the Montreal Forced Aligner."""

from dubber import entry
from dubber.align.settings import AlignSettings
from dubber.corpus.manifest import load_shard
from dubber.steps.align_mfa import align_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "audio", "settings", "max-failed-share", "jobs", "output")
    align_shard(
        load_shard(args.manifest, args.shard),
        args.audio,
        args.output,
        AlignSettings.model_validate(args.settings),
        max_failed_share=float(args.max_failed_share),
        jobs=int(args.jobs),
    )


if __name__ == "__main__":
    entry.run(main)
