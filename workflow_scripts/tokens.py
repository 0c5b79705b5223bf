"""Rule `tokens`: quantise a shard's WORLD analysis."""

from dubber import entry
from dubber.codec.world.codec import World
from dubber.steps.analyse import quantise_shard


def main() -> None:
    args = entry.arguments(__doc__, "analysis", "codec", "max-failed-share", "output")
    quantise_shard(args.analysis, World.load(args.codec), args.output, max_failed_share=float(args.max_failed_share))


if __name__ == "__main__":
    entry.run(main)
