"""Rule `shifted`: the recordings of a shard's test clips, 0.32 s late."""

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.steps.control import shifted_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "truth", "max-failed-share", "output")
    shifted_shard(
        load_shard(args.manifest, args.shard),
        args.truth,
        args.output,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
