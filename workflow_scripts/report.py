"""Rule `report`: the page and the figures of an experiment."""

from pathlib import Path

from dubber import entry
from dubber.report.figure_files import write_figures
from dubber.report.html import ReportInputs, build_report
from dubber.report.settings import ReportSettings


def paths(names: list[str]) -> tuple[Path, ...]:
    return tuple(map(Path, names))


def main() -> None:
    args = entry.arguments(
        __doc__,
        "experiment",
        "manifest",
        "table",
        "root",
        "settings",
        "output",
        "figures",
        lists=("scores", "summaries", "dubs", "attention", "failures"),
    )
    inputs = ReportInputs(
        experiment=args.experiment,
        command=f"snakemake --cores 2 results/{args.experiment}_table.csv results/{args.experiment}/report.html",
        settings=args.settings,
        table=Path(args.table),
        scores=paths(args.scores),
        dubs=paths(args.dubs),
        manifest=Path(args.manifest),
        media_root=Path(args.root),
        runs={Path(summary).parent.name: Path(summary) for summary in args.summaries},
        attention=paths(args.attention),
        failures=paths(args.failures),
    )
    settings = ReportSettings.model_validate(args.settings["report"])
    write_figures(inputs, settings, args.figures)
    build_report(inputs, settings, args.output)


if __name__ == "__main__":
    entry.run(main)
