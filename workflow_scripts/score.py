"""Rule `score`: measure one system's dubs of a shard with every configured metric."""

from pydantic import TypeAdapter

from dubber import entry
from dubber.corpus.manifest import load_manifest
from dubber.metrics.score import score_shard
from dubber.metrics.settings import MetricSettings


def main() -> None:
    args = entry.arguments(
        __doc__, "manifest", "shard", "setting", "dubs", "truth", "settings", "output", lists=("references",)
    )
    rows = load_manifest(args.manifest).test_rows(args.shard)
    score_shard(
        rows,
        setting=args.setting,
        dubs=args.dubs,
        audio=args.truth,
        references=args.references,
        metrics=TypeAdapter(tuple[MetricSettings, ...]).validate_python(args.settings),
        output=args.output,
    )


if __name__ == "__main__":
    entry.run(main)
