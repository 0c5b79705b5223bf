"""Rules `report` and `paper`: the page and the figures of an experiment."""

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
        "root",
        "settings",
        "output",
        lists=("tables", "comparisons", "scores", "summaries", "dubs", "attention", "alignment", "failures"),
        optional=("figures",),
    )
    inputs = ReportInputs(
        experiment=args.experiment,
        command=f"snakemake --cores 2 {args.output}",
        settings=args.settings,
        tables={path.stem.removeprefix(f"{args.experiment}_"): path for path in paths(args.tables)},
        comparisons=paths(args.comparisons),
        scores=paths(args.scores),
        dubs=paths(args.dubs),
        manifest=Path(args.manifest),
        media_root=Path(args.root),
        runs={Path(summary).parent.name: Path(summary) for summary in args.summaries},
        attention=paths(args.attention),
        alignment=paths(args.alignment),
        failures=paths(args.failures),
    )
    settings = ReportSettings.model_validate(args.settings["report"])
    if args.figures:
        write_figures(inputs, settings, args.figures)
    build_report(inputs, settings, args.output)


if __name__ == "__main__":
    entry.run(main)
