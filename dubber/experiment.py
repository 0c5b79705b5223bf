"""One experiment: its settings, the runs that are trained for it, and the systems of its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, field_validator

from dubber.corpus.settings import Protocol
from dubber.dub.settings import ExternalSettings, SynthesisSettings
from dubber.errors import ConfigError
from dubber.metrics.settings import MetricSettings, SyncFitSettings
from dubber.model.settings import ObjectiveSettings, PartsSettings
from dubber.report.settings import ReportSettings
from dubber.settings import Settings, first_wrong, unknown_key
from dubber.train.settings import ExecutionSettings, StageSettings

ABLATIONS = Path(__file__).resolve().parent.parent / "config" / "ablations"

STAGE1 = "stage1"  # the run of the teacher
FULL = "full"  # the run of the student with all its parts
SEED = "seed_"  # and a number: the run `full` with another seed in stage 2 and in the sampling
NFE = "nfe_"  # and a number: the system `full` with so many evaluations of the denoiser
BASELINES = ("ground_truth", "codec")
SWAPS = ("other_video", "other_voice", "other_text")  # the system `full` with one input of another clip
TEXT_ONLY = "text_only"  # the teacher, which sees no video
CONTROLS = ("shifted", "same_voice", TEXT_ONLY, *SWAPS)
OWN_SYSTEMS = (*BASELINES, STAGE1, *CONTROLS)
PROSODY_METRICS = ("GPE", "VDE", "FFE", "Emo-SIM")  # Table 5


@dataclass(frozen=True)
class Layout:
    """The rows and columns of a table.

    Attributes:
        systems: in their order.
        protocols: in which they are scored.
        metrics: its columns; every metric where none is named.
    """

    systems: tuple[str, ...]
    protocols: tuple[Protocol, ...]
    metrics: tuple[str, ...] = ()

    @property
    def trained(self) -> dict[str, str]:
        """System -> run, for the systems that were trained here."""
        runs = {system: run_of(system) for system in self.systems}
        return {system: run for system, run in runs.items() if run}


class Experiment(Settings):
    """One row of experiments: what is trained on what, how it is sampled and how it is scored."""

    corpus: str = Field(description="corpus of stage 2 and of the test clips; a key of `corpora`")
    pretraining: tuple[str, ...] = Field(min_length=1, description="corpora of stage 1; keys of `corpora`")
    size: str = Field(description="model size; a key of `sizes`")
    codec: str = Field(description="codec; a key of `codecs`")
    features: str = Field(description="lip and face features; a key of `features`")
    aligner: str = Field(description="forced aligner; a key of `aligners`")
    stage1: StageSettings = Field(description="training of the zero-shot TTS teacher")
    stage2: StageSettings = Field(description="training of the dubbing student")
    objective: ObjectiveSettings = Field(default=ObjectiveSettings(), description="losses and flow")
    parts: PartsSettings = Field(default=PartsSettings(), description="which parts of the student exist")
    synthesis: SynthesisSettings = Field(default=SynthesisSettings(), description="how the test clips are sampled")
    seeds: tuple[NonNegativeInt, ...] = Field(
        default=(), description="more seeds of stage 2 and of the sampling: each is a row `seed_<n>` beside `full`"
    )
    nfe: tuple[PositiveInt, ...] = Field(
        default=(1, 2, 4, 8, 10, 16, 32, 64, 128), min_length=1, description="evaluations that Table 4 compares"
    )
    ablations: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="rows of Table 3 and of its figure, files of `config/ablations`; all of them if not given",
    )
    external: dict[str, ExternalSettings] = Field(
        default={}, description="other systems whose speech is scored in the same tables: name -> folder"
    )
    controls: bool = Field(
        default=False,
        description="whether the report shows the control systems: late, without video, with another clip's input",
    )
    published: str | None = Field(
        default=None,
        description="corpus whose figures in `config/published.csv` are shown beside the measured ones",
    )
    protocols: tuple[Protocol, ...] = Field(
        default=("1.0", "2.0"), min_length=1, description="1.0: reference is the clip's own audio; 2.0: another clip's"
    )
    metrics: tuple[MetricSettings, ...] = Field(min_length=1, description="what the table measures")
    sync: SyncFitSettings = Field(default=SyncFitSettings(), description="how the embedded sync encoders are fitted")
    report: ReportSettings = Field(default=ReportSettings(), description="what the report shows")

    @field_validator("metrics")
    @classmethod
    def _columns_differ(cls, metrics: tuple[MetricSettings, ...]) -> tuple[MetricSettings, ...]:
        names = [getattr(metric, "column", metric.name) for metric in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two metrics fill the column {twice[0]}: give one of them another `column`")
        return metrics

    def of_run(self, run: str) -> Experiment:
        """The experiment as a run changes it: by an ablation, by another seed, or not at all.

        Raises:
            ConfigError: there is no such ablation, or its file is not valid.
        """
        if run.startswith(SEED):
            seed = {"seed": int(run.removeprefix(SEED))}
            return self.changed({"stage2": seed, "synthesis": seed})
        return self if run in (FULL, STAGE1) else self.ablated(run)

    def ablated(self, name: str, folder: Path = ABLATIONS) -> Experiment:
        """The experiment with the difference in `config/ablations/<name>.yaml`.

        Raises:
            ConfigError: there is no such ablation, or its file names an unknown key.
        """
        path = folder / f"{name}.yaml"
        if not path.exists():
            raise ConfigError(f"There is no such ablation: {unknown_key(name, ablations(folder))}", looked_at=path)
        try:
            return self.changed(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except ValidationError as error:
            raise ConfigError(f"An ablation is not valid: {first_wrong(error)}", looked_at=path) from None

    def stage(self, run: str) -> StageSettings:
        """How a run is trained."""
        return self.stage1 if run == STAGE1 else self.stage2

    def has_teacher(self, run: str) -> bool:
        """Whether a run starts from the teacher or learns from it."""
        return run != STAGE1 and (self.parts.pretraining or self.parts.distillation)

    def layout(self, table: str = "table") -> Layout:
        """The rows and columns of one of the experiment's tables; the name of a run is the table of that one row."""
        main = (*BASELINES, FULL, *(f"{SEED}{seed}" for seed in self.seeds), *self.external)
        match table:
            case "ablations":
                return Layout(self.ablations or tuple(ablations()), self.protocols)
            case "controls":
                return Layout((*BASELINES, FULL, *CONTROLS), self.protocols[:1])
            case "nfe":
                return Layout(tuple(f"{NFE}{nfe}" for nfe in self.nfe), self.protocols[:1])
            case "prosody":
                return Layout(main, self.protocols[-1:], PROSODY_METRICS)
            case "table":
                return Layout(main, self.protocols)
        return Layout((table,), self.protocols)

    def tables(self, *more: str) -> list[str]:
        """The tables of a report: the main one, `more` of them, and the controls where they are shown."""
        return ["table", *more, *(["controls"] if self.controls else [])]

    def cells(self, *tables: str) -> list[tuple[str, str]]:
        """System and protocol of everything that is scored for these tables, each once."""
        layouts = [self.layout(table) for table in tables]
        pairs = [(system, protocol) for one in layouts for system in one.systems for protocol in one.protocols]
        return list(dict.fromkeys(pairs))

    def reported(self) -> dict[str, Any]:
        """The settings that a report shows, as JSON values: all but how the training is executed."""
        execution = set(ExecutionSettings.model_fields)
        return self.model_dump(mode="json", exclude={STAGE1: execution, "stage2": execution})


def dubs_folder(experiment: str, system: str, protocol: str) -> str:
    """The folder of a system's speech; the recordings and the codec sound the same in every protocol."""
    return f"results/{experiment}/dubs/{system}/{'any' if system in BASELINES else protocol}"


def ablations(folder: Path = ABLATIONS) -> list[str]:
    """The ablations that exist: one file each, `full` first."""
    return sorted((path.stem for path in folder.glob("*.yaml")), key=lambda name: (name != FULL, name))


def students() -> str:
    """A pattern of every name that a student's run can have."""
    return "|".join([*(ablations() or [FULL]), f"{SEED}[0-9]+"])


def run_of(system: str) -> str | None:
    """The training run that a system comes from; None for one that was not trained here."""
    if system.startswith(NFE) or system in SWAPS:
        return FULL
    if system == TEXT_ONLY:
        return STAGE1
    return system if re.fullmatch(students(), system) else None
