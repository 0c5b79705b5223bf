"""Rule `manifest`: list a corpus's clips, texts, splits and shards."""

from pathlib import Path

from dubber import entry
from dubber.corpus.manifest import refresh_manifest
from dubber.corpus.settings import CorpusSettings


def main() -> None:
    args = entry.arguments(__doc__, "settings", "root", "data-root", "output")
    settings = CorpusSettings.model_validate(args.settings)
    refresh_manifest(Path(args.output), settings, Path(args.root), data_root=args.data_root)


if __name__ == "__main__":
    entry.run(main)
