"""Rule `external`: another system's speech for a shard's test clips."""

from pathlib import Path

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.steps.external import external_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "folder", "output")
    external_shard(load_shard(args.manifest, args.shard), Path(args.folder), args.output)


if __name__ == "__main__":
    entry.run(main)
