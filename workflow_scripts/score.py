"""Rule `score`: measure one system's dubs of a shard with every configured metric."""

from pydantic import TypeAdapter

from dubber import entry
from dubber.corpus.manifest import load_shard
from dubber.metrics.settings import MetricSettings
from dubber.steps.score import score_shard


def main() -> None:
    args = entry.arguments(
        __doc__,
        "manifest",
        "shard",
        "protocol",
        "dubs",
        "truth",
        "crops",
        "settings",
        "output",
        lists=("references", "sync"),
    )
    score_shard(
        [row for row in load_shard(args.manifest, args.shard) if row["split"] == "test"],
        protocol=args.protocol,
        dubs=args.dubs,
        audio=args.truth,
        references=args.references,
        metrics=TypeAdapter(tuple[MetricSettings, ...]).validate_python(args.settings),
        output=args.output,
        crops=args.crops,
        sync_weights=args.sync[0] if args.sync else None,
    )


if __name__ == "__main__":
    entry.run(main)
