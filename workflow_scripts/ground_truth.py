"""Rule `ground_truth`: the recordings of a shard's test clips, as long as their video."""

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.steps.resynthesise import ground_truth_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "audio", "crops", "max-failed-share", "output")
    ground_truth_shard(
        load_shard(args.manifest, args.shard),
        args.audio,
        args.crops,
        args.output,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
