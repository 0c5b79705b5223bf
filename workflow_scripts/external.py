"""Rule `external`: another system's speech for a shard's test clips."""

from pathlib import Path

from dubber import entry
from dubber.corpus.manifest import load_manifest
from dubber.dub.external import external_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "folder", "output")
    external_shard(load_manifest(args.manifest).rows(args.shard), Path(args.folder), args.output)


if __name__ == "__main__":
    entry.run(main)
