"""Rule `mos`: gather what listeners answered into a table."""

from dubber import entry
from dubber.listening.answers import read_answers
from dubber.listening.definition import load_test
from dubber.report.mos import build_mos
from dubber.report.settings import ReportSettings
from dubber.report.tables import write_csv


def main() -> None:
    args = entry.arguments(__doc__, "settings", "output", lists=("tests", "answers"))
    table = build_mos(
        [load_test(path) for path in args.tests],
        [answer for path in args.answers for answer in read_answers(path)],
        bootstrap=ReportSettings.model_validate(args.settings).bootstrap,
    )
    write_csv(table, args.output)


if __name__ == "__main__":
    entry.run(main)
