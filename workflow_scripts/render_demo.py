"""Rule `render_demo`: render one shard of the demo corpus and write down its exact times."""

from pathlib import Path

from dubber import entry
from dubber.corpus.demo.render import render_shard
from dubber.corpus.manifest import load_shard
from dubber.corpus.settings import RenderSettings


def main() -> None:
    args = entry.arguments(__doc__, "manifest", "shard", "settings", "root", "output")
    rows = load_shard(args.manifest, args.shard)
    render_shard(rows, RenderSettings.model_validate(args.settings), Path(args.root), args.output)


if __name__ == "__main__":
    entry.run(main)
