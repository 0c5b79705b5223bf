"""Rules `table` and `ablation`: gather the scores into a table."""

from pathlib import Path

from dubber import entry
from dubber.report.settings import ReportSettings
from dubber.report.tables import build_table, load_scores, read_run, write_csv


def main() -> None:
    args = entry.arguments(
        __doc__, "settings", "output", lists=("scores", "systems", "trained", "summaries", "metrics")
    )
    table = build_table(
        load_scores(args.scores),
        runs={system: read_run(Path(path)) for system, path in zip(args.trained, args.summaries, strict=True)},
        bootstrap=ReportSettings.model_validate(args.settings).bootstrap,
        order=args.systems,
        only=args.metrics,
    )
    write_csv(table, args.output)


if __name__ == "__main__":
    entry.run(main)
