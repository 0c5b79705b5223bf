"""Rule `manifest`: list a corpus's clips, texts, splits and shards."""

from pathlib import Path

from dubber import entry
from dubber.corpus.listing import list_corpus, save_manifest
from dubber.corpus.settings import CorpusSettings


def main() -> None:
    args = entry.arguments(__doc__, "settings", "root", "data-root", "output")
    settings = CorpusSettings.model_validate(args.settings)
    path = Path(args.output)
    save_manifest(path, list_corpus(path, settings, Path(args.root), data_root=args.data_root))


if __name__ == "__main__":
    entry.run(main)
