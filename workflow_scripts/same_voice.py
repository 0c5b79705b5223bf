"""Rule `same_voice`: another recording of the same speaker in the place of each test clip."""

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.steps.control import same_voice_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "truth", "max-failed-share", "output", lists=("references",))
    same_voice_shard(
        load_shard(args.manifest, args.shard),
        args.truth,
        args.references,
        args.output,
        max_failed_share=float(args.max_failed_share),
    )


if __name__ == "__main__":
    entry.run(main)
