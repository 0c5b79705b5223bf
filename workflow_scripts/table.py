"""Rules `table` and `ablation`: gather the scores into a table."""

from pathlib import Path

from dubber import entry
from dubber.report.published import beside, load_published
from dubber.report.settings import ReportSettings
from dubber.report.tables import build_table, load_scores, read_run, write_csv


def main() -> None:
    args = entry.arguments(
        __doc__,
        "settings",
        "output",
        lists=("scores", "systems", "trained", "summaries", "metrics", "published"),
        optional=("corpus", "table"),
    )
    table = build_table(
        load_scores(args.scores),
        runs={system: read_run(Path(path)) for system, path in zip(args.trained, args.summaries, strict=True)},
        bootstrap=ReportSettings.model_validate(args.settings).bootstrap,
        order=args.systems,
        only=args.metrics,
    )
    for path in args.published:
        table = beside(table, load_published(path, corpus=args.corpus, table=args.table))
    write_csv(table, args.output)


if __name__ == "__main__":
    entry.run(main)
