"""Rule `attention`: gather the attention maps that were kept, with the aligner's durations beside them."""

from dubber import entry
from dubber.steps.attention import gather_maps


def main() -> None:
    args = entry.arguments(__doc__, "output", lists=("dubs", "durations"))
    gather_maps(args.dubs, args.durations, args.output)


if __name__ == "__main__":
    entry.run(main)
