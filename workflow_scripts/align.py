"""Rule `align`: force-align a shard's clips with the embedded aligner."""

from dubber import entry
from dubber.align.settings import AlignSettings
from dubber.corpus.manifest import load_shard
from dubber.steps.align import align_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "audio", "settings", "max-failed-share", "output")
    rows = load_shard(args.manifest, args.shard)
    align_shard(
        rows,
        args.audio,
        args.output,
        AlignSettings.model_validate(args.settings),
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
