"""Rule `compare`: paired tests of every system against one."""

from dubber import entry
from dubber.report.comparisons import compare
from dubber.report.settings import ReportSettings
from dubber.report.tables import load_scores, write_csv


def main() -> None:
    args = entry.arguments(__doc__, "baseline", "settings", "output", lists=("scores",))
    settings = ReportSettings.model_validate(args.settings)
    found = compare(load_scores(args.scores), baseline=args.baseline, bootstrap=settings.bootstrap)
    write_csv(found, args.output)


if __name__ == "__main__":
    entry.run(main)
