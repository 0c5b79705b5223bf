"""Rule `alignment`: the boundary error of the full system's alignment against the forced aligner's."""

from dubber import entry
from dubber.report.alignment import alignment_table
from dubber.report.settings import BootstrapSettings
from dubber.report.tables import run_fingerprint, write_csv


def main() -> None:
    args = entry.arguments(__doc__, "system", "summary", "settings", "output", lists=("dubs", "durations"))
    table = alignment_table(
        args.dubs,
        args.durations,
        system=args.system,
        fingerprint=run_fingerprint(args.summary),
        bootstrap=BootstrapSettings.model_validate(args.settings),
    )
    write_csv(table, args.output)


if __name__ == "__main__":
    entry.run(main)
