"""The whole configuration as one typed object: corpora, backends, sizes, experiments.

`config/config.yaml` and `config/sizes.yaml` are read through it, `config/schema.json` is generated from it
(`python -m dubber.config --write-schema`), and an ablation is an experiment plus a file with the difference.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError, model_validator

from dubber.align.settings import AlignSettings
from dubber.codec.settings import CodecSettings
from dubber.corpus.settings import CorpusSettings
from dubber.dub.settings import ExternalSettings, SynthesisSettings
from dubber.errors import ConfigError
from dubber.media.settings import LIPREADING_CROP, CropSettings, FeatureSettings
from dubber.metrics.settings import MetricSettings, SyncFitSettings
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.report.settings import ReportSettings
from dubber.settings import Settings, unknown_key
from dubber.train.settings import StageSettings

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "config"
FILES = ("config.yaml", "sizes.yaml")

SWAPS = ("other_video", "other_voice", "other_text")  # the system `full` with an input of another clip
CONTROLS = ("shifted", "same_voice", "text_only", *SWAPS)
OWN_SYSTEMS = ("ground_truth", "codec", "stage1", *CONTROLS)
NFE = "nfe_"  # and a number: the system `full` with so many evaluations of the denoiser
SEED = "seed_"  # and a number: the system `full`, trained and sampled with another seed

Protocol = Literal["1.0", "2.0"]


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
        default=None, description="figures of `config/published.csv` that stand beside the measured ones: their corpus"
    )
    protocols: tuple[Protocol, ...] = Field(
        default=("1.0", "2.0"), min_length=1, description="1.0: reference is the clip's own audio; 2.0: another clip's"
    )
    metrics: tuple[MetricSettings, ...] = Field(min_length=1, description="what the table measures")
    sync: SyncFitSettings = Field(default=SyncFitSettings(), description="how the embedded sync encoders are fitted")
    report: ReportSettings = Field(default=ReportSettings(), description="what the report shows")


class Config(Settings):
    """Everything that can be set."""

    data_root: str = Field(default="data", description="folder under which corpora are looked for")
    max_failed_share: float = Field(
        default=0.2, ge=0, le=1, description="share of a shard's clips that may fail before the job fails"
    )
    crops: CropSettings = Field(default=CropSettings(), description="face and lip crops")
    corpora: dict[str, CorpusSettings] = Field(description="where clips come from")
    features: dict[str, FeatureSettings] = Field(description="lip and face features")
    aligners: dict[str, AlignSettings] = Field(description="forced aligners")
    codecs: dict[str, CodecSettings] = Field(description="speech codecs")
    sizes: dict[str, ModelSettings] = Field(description="model sizes")
    experiments: dict[str, Experiment] = Field(description="what is run")

    @model_validator(mode="after")
    def _names_exist(self) -> Config:
        for name, experiment in self.experiments.items():
            where = f"experiments.{name}"
            _require(where, "corpus", experiment.corpus, self.corpora)
            for corpus in experiment.pretraining:
                _require(where, "pretraining", corpus, self.corpora)
            _require(where, "size", experiment.size, self.sizes)
            _require(where, "codec", experiment.codec, self.codecs)
            _require(where, "features", experiment.features, self.features)
            _require(where, "aligner", experiment.aligner, self.aligners)
            for ablation in experiment.ablations or ():
                _require(where, "ablations", ablation, ablations())
            for system in experiment.external:
                _check_system(f"{where}.external", system)
            self._check_widths(where, experiment)
        for kind, entries in (("codecs", self.codecs), ("features", self.features)):
            for name, entry in entries.items():
                for corpus in entry.fit_on:
                    _require(f"{kind}.{name}", "fit_on", corpus, self.corpora)
        return self

    def _check_widths(self, where: str, experiment: Experiment) -> None:
        """A model is as wide as its features and its speaker vector; a size that says otherwise is a mistake."""
        size, features = self.sizes[experiment.size], self.features[experiment.features]
        codec = self.codecs[experiment.codec]
        fed = {"lip_features": features, "face_features": features, "speaker_dim": codec}
        for key, source in fed.items():
            if key in size.model_fields_set and getattr(size, key) != getattr(source, key):
                raise ValueError(f"{where}: the size's {key} is {getattr(size, key)}, not {getattr(source, key)}")

    @model_validator(mode="after")
    def _lip_crops_fit(self) -> Config:
        for name, features in self.features.items():
            if features.lip.backend == "resnet18" and self.crops.lip_size != LIPREADING_CROP:
                raise ValueError(
                    f"features.{name}.lip: the lip-reading ResNet-18 needs crops.lip_size: {LIPREADING_CROP}"
                )
        return self


def _check_system(where: str, name: str) -> None:
    """Names of external systems become folders, and must not be taken for our own."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise ValueError(f"{where}: the name {name!r} must be of letters, digits, _ and -")
    if name in (*OWN_SYSTEMS, *ablations()) or name.startswith((NFE, SEED)):
        raise ValueError(f"{where}: {name!r} is the name of a system of our own")


def _require(where: str, key: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}.{key}: {unknown_key(name, list(known))}")


def parse(raw: dict[str, Any]) -> Config:
    """Validate a merged configuration.

    Raises:
        ConfigError: one message that lists every wrong key or value, with the nearest valid key.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in e['loc']) or 'config'}: {_message(e)}" for e in error.errors()]
        raise ConfigError(
            "The configuration is not valid:\n  " + "\n  ".join(lines),
            looked_at="config/config.yaml, config/sizes.yaml and every --configfile and --config",
            hint="config/README.md explains every key; `python -m dubber.config` prints the schema.",
        ) from None


def _message(error: dict[str, Any]) -> str:
    return error["msg"].removeprefix("Value error, ")


def read(*overrides: dict[str, Any], folder: Path = CONFIG_FOLDER) -> Config:
    """The configuration in `folder` with `overrides` merged over it, key by key."""
    return parse(merge(*(yaml.safe_load((folder / name).read_text()) for name in FILES), *overrides))


def merge(*layers: dict[str, Any]) -> dict[str, Any]:
    """Later layers win, key by key; lists are replaced whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def ablations(folder: Path = CONFIG_FOLDER) -> list[str]:
    """The ablations that exist: one file each, `full` first."""
    return sorted(
        (path.stem for path in (folder / "ablations").glob("*.yaml")), key=lambda name: (name != "full", name)
    )


def ablated(experiment: Experiment, name: str, folder: Path = CONFIG_FOLDER) -> Experiment:
    """`experiment` with the difference that `config/ablations/<name>.yaml` states.

    Raises:
        ConfigError: there is no such ablation, or its file names an unknown key.
    """
    path = folder / "ablations" / f"{name}.yaml"
    if not path.exists():
        raise ConfigError(f"There is no ablation: {unknown_key(name, ablations(folder))}", looked_at=path)
    difference = yaml.safe_load(path.read_text()) or {}
    try:
        return Experiment.model_validate(merge(experiment.model_dump(mode="json", exclude_unset=True), difference))
    except ValidationError as error:
        raise ConfigError(f"An ablation is not valid: {_message(error.errors()[0])}", looked_at=path) from None


def reseeded(experiment: Experiment, seed: int) -> Experiment:
    """`experiment` with another seed in stage 2 and in the sampling; the teacher stays."""
    stage2, synthesis = (part.model_copy(update={"seed": seed}) for part in (experiment.stage2, experiment.synthesis))
    return experiment.model_copy(update={"stage2": stage2, "synthesis": synthesis})


def schema() -> str:
    """The JSON schema of the configuration, as text."""
    return json.dumps(Config.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    if "--write-schema" in sys.argv:
        (CONFIG_FOLDER / "schema.json").write_text(schema())
    else:
        print(schema())
