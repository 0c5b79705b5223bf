"""Rule `audio`: decode the sound of a shard's clips to 16 kHz mono."""

from pathlib import Path

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.media.audio import audio_shard


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "root", "max-failed-share", "output")
    rows = load_shard(args.manifest, args.shard)
    audio_shard(rows, Path(args.root), Path(args.output), max_failed_share=float(args.max_failed_share))


if __name__ == "__main__":
    entry.run(main)
