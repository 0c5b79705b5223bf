"""Rule `tokens`: quantise a shard's WORLD analysis."""

from dubber import entry
from dubber.codec.shards_world import tokens_shard
from dubber.codec.world import World


def main() -> None:
    args = entry.arguments(__doc__, "analysis", "codec", "max-failed-share", "output")
    tokens_shard(args.analysis, World.load(args.codec), args.output, max_failed_share=float(args.max_failed_share))


if __name__ == "__main__":
    entry.run(main)
