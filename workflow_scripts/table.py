"""Rule `table`: gather the scores into the main table."""

from dubber import entry
from dubber.report.settings import ReportSettings
from dubber.report.tables import build_table, load_scores, run_fingerprint, write_csv

RUN = "full"


def main() -> None:
    args = entry.arguments(__doc__, "summary", "settings", "output", lists=("scores",))
    settings = ReportSettings.model_validate(args.settings)
    fingerprints = {RUN: run_fingerprint(args.summary)}
    table = build_table(load_scores(args.scores), fingerprints=fingerprints, bootstrap=settings.bootstrap)
    write_csv(table, args.output)


if __name__ == "__main__":
    entry.run(main)
