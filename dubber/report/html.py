"""One HTML file that opens from disk: what was run, the table, the curves, the maps, the dubs, and what failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from dubber.artifacts import read_rows
from dubber.files import atomic_path
from dubber.media.audio import from_pcm
from dubber.report.alignment import in_words
from dubber.report.attention_maps import draw_attention, read_attention
from dubber.report.examples import Example, choose_examples, player_uri
from dubber.report.failures import collect_failures
from dubber.report.figures import data_uri
from dubber.report.loss_curves import draw_losses, read_losses
from dubber.report.published import measured_rows
from dubber.report.settings import ReportSettings
from dubber.report.spectrograms import draw_spectrograms
from dubber.report.table_plots import draw_ablations, draw_evaluations
from dubber.report.table_view import TableView, view
from dubber.report.tables import load_scores, run_fingerprint

TEMPLATE = "report.html.j2"
TITLES = {
    "table": ("Results", "Every system in every setting (the paper's Tables 1 and 2)."),
    "ablations": ("Ablations", "The system with one part taken away, each trained from scratch (Table 3)."),
    "nfe": ("Evaluations", "The denoiser called more or less often for one clip (Table 4)."),
    "controls": (
        "Controls",
        "What a system that ignored an input would not show: the recording 0.32 s late (shifted); another "
        "recording of the same speaker (same voice), whose similarity no dub in that voice need exceed; stage 1 "
        "without the video, stretched to its length (text only); the full system with another clip's video, voice or "
        "text, scored against the clip's own. LSE looks for the best shift and so forgives lateness; AVSync does not.",
    ),
    "prosody": ("Prosody", "How near pitch, voicing and emotion come to the recording's (Table 5)."),
}
PLOTS = {"ablations": draw_ablations, "nfe": draw_evaluations}
MANIFEST_COLUMNS = ["clip", "speaker", "split", "text", "video"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReportInputs:
    """Everything that a report is made of.

    Attributes:
        experiment: its name.
        command: what a person types to make this page.
        settings: the experiment's resolved settings.
        tables: kind of table (`TITLES`) -> the CSV; the main one, `table`, first.
        scores: `.../<system>/<protocol>/<shard>.parquet`.
        dubs: `.../<system>/<protocol>/<shard>.parquet`, the recordings (`ground_truth`) among them.
        manifest: the corpus's manifest.
        media_root: the folder that the manifest's paths are relative to.
        runs: name of a training run -> its `summary.json`; its log is `<fingerprint>/metrics.jsonl` beside it.
        attention: attention maps of test clips, as `dubber.report.attention_maps.read_attention` reads them.
        alignment: boundary errors, as `dubber.report.alignment.alignment_table` makes them (CSV).
        failures: failures files of every step.
        comparisons: paired tests, as `dubber.report.comparisons.compare` makes them (CSV).
    """

    experiment: str
    command: str
    settings: Mapping[str, Any]
    tables: Mapping[str, Path]
    scores: tuple[Path, ...]
    dubs: tuple[Path, ...]
    manifest: Path
    media_root: Path
    runs: Mapping[str, Path]
    attention: tuple[Path, ...] = ()
    alignment: tuple[Path, ...] = ()
    failures: tuple[Path, ...] = ()
    comparisons: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of the page: name, title, meaning, command, cells and picture."""

    name: str
    title: str
    meaning: str
    command: str
    view: TableView
    plot: str | None


@dataclass(frozen=True)
class Player:
    """A video (or audio) that the page plays."""

    label: str
    uri: str
    is_video: bool


@dataclass(frozen=True)
class Shown:
    """A clip with what is shown of it."""

    clip: str
    speaker: str
    text: str
    players: tuple[Player, ...] = ()
    image: str | None = None


@dataclass(frozen=True)
class Run:
    """A training run: facts of its summary, its environment, its loss curves."""

    name: str
    facts: dict[str, Any]
    environment: dict[str, Any]
    curves: str


def build_report(inputs: ReportInputs, settings: ReportSettings, output: Path | str) -> None:
    """Write the page.

    Raises:
        DubberError: an input is missing or unreadable.
    """
    rows = list(read_rows(inputs.manifest, MANIFEST_COLUMNS))
    count = max(settings.players, settings.spectrograms)
    examples = choose_examples(rows, inputs.dubs, media_root=inputs.media_root, count=count)
    log.info("report: %d clips to show", len(examples))
    tables = [_table(inputs, kind, settings) for kind in inputs.tables]
    page = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            experiment=inputs.experiment,
            command=inputs.command,
            facts=flatten(inputs.settings),
            tables=tables,
            shows_published=any(head.published for table in tables for head in table.view.heads),
            titles=TITLES,
            comparisons=[_comparison(path) for path in inputs.comparisons],
            level=settings.bootstrap.level,
            runs=[_run(name, path, settings) for name, path in inputs.runs.items()],
            attention=_attention(inputs, rows, settings),
            alignment=[in_words(path, settings.bootstrap.level) for path in inputs.alignment],
            spectrograms=[_spectrogram(example) for example in examples[: settings.spectrograms]],
            players=[_players(example) for example in examples[: settings.players]],
            failures=collect_failures(inputs.failures, load_scores(inputs.scores)),
        )
    )
    with atomic_path(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _table(inputs: ReportInputs, kind: str, settings: ReportSettings) -> Table:
    path = inputs.tables[kind]
    table = pd.read_csv(path, dtype={"protocol": str, "fingerprint": str})
    draw = PLOTS.get(kind)
    return Table(
        name=kind,
        title=TITLES[kind][0],
        meaning=TITLES[kind][1],
        command=f"snakemake --cores 2 {path.as_posix()}",
        view=view(table, settings.bootstrap.level),
        plot=data_uri(draw(measured_rows(table)), "svg") if draw else None,
    )


def _comparison(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """A table of paired tests: its kind and its rows."""
    return path.stem, pd.read_csv(path, dtype={"protocol": str}).to_dict("records")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted keys with values as text; lists of plain values joined by commas."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
            for i, item in enumerate(value):
                flat.update(flatten(item, f"{name}.{item.get('name', i)}."))
        elif isinstance(value, list | tuple):
            flat[name] = ", ".join(map(_plain, value))
        else:
            flat[name] = _plain(value)
    return flat


def _plain(value: Any) -> str:
    """A value as people read it: 10,234,567 and 431.2, but a number in a name stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def run_folder(summary: Path | str) -> Path:
    """Where a run keeps its log and environment: the folder of its fingerprint, beside its `summary.json`."""
    return Path(summary).parent / run_fingerprint(summary)


def _run(name: str, summary: Path, settings: ReportSettings) -> Run:
    facts = json.loads(Path(summary).read_text(encoding="utf-8"))
    folder = run_folder(summary)
    environment = folder / "environment.json"
    return Run(
        name=name,
        facts=flatten(facts),
        environment=flatten(json.loads(environment.read_text(encoding="utf-8"))) if environment.exists() else {},
        curves=data_uri(draw_losses(read_losses(folder / "metrics.jsonl"), smoothing=settings.smoothing), "svg"),
    )


def _attention(inputs: ReportInputs, rows: Iterable[Mapping[str, Any]], settings: ReportSettings) -> list[Shown]:
    texts = {row["clip"]: row for row in rows}
    shown: list[Shown] = []
    for maps in read_attention(inputs.attention):
        if len(shown) == settings.attention_maps:
            break
        row = texts[maps.clip]
        shown.append(Shown(maps.clip, row["speaker"], row["text"], image=data_uri(draw_attention(maps))))
    return shown


def _spectrogram(example: Example) -> Shown:
    audio = {version.label: from_pcm(version.samples) for version in example.versions}
    return Shown(example.clip, example.speaker, example.text, image=data_uri(draw_spectrograms(audio)))


def _players(example: Example) -> Shown:
    players = tuple(
        Player(version.label, player_uri(example, version), example.video is not None) for version in example.versions
    )
    return Shown(example.clip, example.speaker, example.text, players=players)
