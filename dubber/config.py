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
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator

from dubber.align.settings import AlignSettings
from dubber.assets import Asset, group
from dubber.codec.settings import CodecSettings
from dubber.corpus.settings import CorpusSettings
from dubber.dub.settings import BundleSettings, CorpusUse, PublishedFile, Sources, SynthesisSettings
from dubber.errors import ConfigError
from dubber.experiment import FULL, NFE, OWN_SYSTEMS, SEED, STAGE1, Experiment, ablations, run_of
from dubber.media.settings import LIPREADING_CROP, CropSettings, FeatureSettings
from dubber.model.settings import ModelSettings
from dubber.settings import Settings, unknown_key
from dubber.train.settings import RunSettings

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "config"
FILES = ("config.yaml", "sizes.yaml")


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

    def experiment(self, name: str, run: str = FULL) -> Experiment:
        """The experiment `name`, as the ablation or the seed `run` changes it.

        Raises:
            ConfigError: there is no such experiment or ablation.
        """
        if name not in self.experiments:
            raise ConfigError(f"There is no such experiment: {unknown_key(name, list(self.experiments))}")
        return self.experiments[name].of_run(run)

    def run_settings(self, name: str, run: str = FULL) -> RunSettings:
        """Everything that changes the weights of a run of an experiment, and nothing else."""
        experiment = self.experiment(name, run)
        video = None if run == STAGE1 else self.features[experiment.features]
        widths = {"speaker_dim": self.codecs[experiment.codec].speaker_dim}
        if video:
            widths |= {"lip_features": video.lip_features, "face_features": video.face_features}
        return RunSettings(
            stage="stage2" if video else "stage1",
            model=self.sizes[experiment.size].model_copy(update=widths),
            objective=experiment.objective,
            parts=experiment.parts if video else None,
            train=experiment.stage(run).train(),
            codec=experiment.codec,
            features=experiment.features if video else None,
        )

    def synthesis(self, name: str, system: str = FULL) -> SynthesisSettings:
        """How a system of an experiment is sampled."""
        settings = self.experiment(name, run_of(system) or FULL).synthesis
        return settings.changed({"nfe": int(system.removeprefix(NFE))}) if system.startswith(NFE) else settings

    def bundle_settings(self, name: str, run: str = FULL) -> BundleSettings:
        """Everything about a run that its model file does not hold."""
        experiment = self.experiment(name, run)
        codec, features, crops = self.codecs[experiment.codec], self.features[experiment.features], self.crops
        sees = run != STAGE1
        backends: dict[str, str] = {"codec": codec.backend, "aligner": self.aligners[experiment.aligner].backend}
        if sees:
            backends |= {"lips": features.lip.backend, "face": features.face.backend, "face detector": crops.backend}
        needed = [codec.needed, *([features.needed, crops.needed] if sees else [])]
        rows = [row for files in needed if files for row in group(files.group)]
        return BundleSettings(
            codec=codec,
            features=features if sees else None,
            crops=crops if sees else None,
            synthesis=experiment.synthesis,
            sources=Sources(
                experiment=name,
                run=run,
                corpora=self._corpora_used(experiment, run),
                backends=backends,
                weights=tuple(map(_published, rows)),
            ),
        )

    def _corpora_used(self, experiment: Experiment, run: str) -> tuple[CorpusUse, ...]:
        """Every corpus that a run, its teacher, its codec or its features learned from."""
        features = self.features[experiment.features]
        sees = run != STAGE1
        lists = {
            "stage 1": experiment.pretraining if experiment.parts.pretraining or not sees else (),
            "stage 2": (experiment.corpus,) if sees else (),
            "codec": self.codecs[experiment.codec].fit_on,
            "features": features.fit_on if sees and features.is_fitted else (),
        }
        uses: dict[str, list[str]] = {}
        for use, corpora in lists.items():
            for corpus in corpora:
                uses.setdefault(corpus, []).append(use)
        stated = {corpus: self.corpora[corpus].licence or "not stated in the configuration" for corpus in uses}
        return tuple(CorpusUse(name=c, used_for=tuple(used), licence=stated[c]) for c, used in uses.items())

    def external_systems(self) -> list[str]:
        """The names of all external systems of all experiments."""
        return sorted({system for experiment in self.experiments.values() for system in experiment.external})

    def only_pretraining(self) -> set[str]:
        """Corpora that no experiment dubs."""
        return self.corpora.keys() - {experiment.corpus for experiment in self.experiments.values()}

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


def _published(row: Asset) -> PublishedFile:
    return PublishedFile(**{name: getattr(row, name) for name in PublishedFile.model_fields})


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
        lines = [
            f"{'.'.join(map(str, wrong['loc'])) or 'config'}: {wrong['msg'].removeprefix('Value error, ')}"
            for wrong in error.errors()
        ]
        raise ConfigError(
            "The configuration is not valid:\n  " + "\n  ".join(lines),
            looked_at="config/config.yaml, config/sizes.yaml and every --configfile and --config",
            hint="config/README.md explains every key; `python -m dubber.config` prints the schema.",
        ) from None


def read(*overrides: dict[str, Any], folder: Path = CONFIG_FOLDER) -> Config:
    """The configuration in `folder` with `overrides` merged over it, key by key."""
    return parse(merge(*(yaml.safe_load((folder / name).read_text()) for name in FILES), *overrides))


def read_files(*paths: Path) -> Config:
    """The configuration with the user's files merged over it.

    Raises:
        ConfigError: a file cannot be read, or the configuration is not valid.
    """
    overrides = []
    for path in paths:
        try:
            overrides.append(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError) as error:
            raise ConfigError(f"A configuration file cannot be read: {error}", looked_at=path) from None
    return read(*overrides)


def merge(*layers: dict[str, Any]) -> dict[str, Any]:
    """Later layers win, key by key; lists are replaced whole."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = merge(merged[key], value) if both else value
    return merged


def schema() -> str:
    """The JSON schema of the configuration, as text."""
    return json.dumps(Config.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    if "--write-schema" in sys.argv:
        (CONFIG_FOLDER / "schema.json").write_text(schema())
    else:
        print(schema())
