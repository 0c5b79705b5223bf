"""A run of the workflow as something to dub with: its files are found through the project's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from dubber import config
from dubber.codec.settings import CodecSettings
from dubber.config import Config
from dubber.dub.bundle import MODEL, Bundle, with_paths
from dubber.dub.origin import origin_of
from dubber.errors import ConfigError, DubberError
from dubber.plan import Plan
from dubber.train.weights import Description, describe_model


def read_run(folder: Path, configfiles: Sequence[Path | str] = ()) -> Bundle:
    """`runs/<experiment>/<run>` of a project.

    Raises:
        DubberError: the folder is no student's, or the configuration does not know its experiment.
    """
    home = folder.resolve()
    description = describe_model(home / MODEL)
    if description.stage != "stage2":
        raise DubberError(
            "This is a teacher, which sees no video.",
            looked_at=folder,
            hint="Dub with a student: runs/<experiment>/full.",
        )
    if home.parent.parent.name != "runs":
        raise DubberError(
            "A run lies in runs/<experiment>/<run> of its project, where its codec and its features are looked for.",
            looked_at=folder,
            hint="Export it there, and move the exported folder: dubber export RUN -o FOLDER",
        )
    project, name, run = home.parents[2], home.parent.name, home.name
    whole = _configuration(project, configfiles)
    _check_known(whole, name, description, configfiles)
    codec = whole.codecs[description.codec]
    plan = Plan(whole, main=False)
    transform = plan.transform(description.features)
    features = whole.features[description.features]
    features, crops = with_paths(features, whole.crops, lambda path: project / path, lambda path: project / path)
    return Bundle(
        path=folder,
        exported=False,
        model=home / MODEL,
        description=description,
        codec=codec,
        codec_files=_codec_files(project, description.codec, codec),
        features=features,
        transform=project / transform[0] if transform else None,
        crops=crops,
        synthesis=plan.experiment(name, run).synthesis,
        origin=origin_of(home, whole, description),
    )


def _configuration(project: Path, configfiles: Sequence[Path | str]) -> Config:
    """The project's own configuration, with files merged over it."""
    folder = project / "config"
    overrides = [_read(Path(path)) for path in configfiles]
    return config.read(*overrides, folder=folder if (folder / config.FILES[0]).is_file() else config.CONFIG_FOLDER)


def _read(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"A configuration file cannot be read: {error}", looked_at=path) from None


def _check_known(whole: Config, name: str, description: Description, configfiles: Sequence[Path | str]) -> None:
    """The experiment, the codec and the features of a run must be those of the configuration."""
    known = {"experiment": whole.experiments, "codec": whole.codecs, "features": whole.features}
    wanted = {"experiment": name, "codec": description.codec, "features": description.features}
    missing = [f"{kind} '{wanted[kind]}'" for kind in known if wanted[kind] not in known[kind]]
    if missing:
        raise ConfigError(
            f"The configuration does not know the run's {' and '.join(missing)}.",
            looked_at=", ".join(["config/config.yaml", *map(str, configfiles)]),
            hint="Give the file with which it was trained: --configfile mine.yaml",
        )


def _codec_files(project: Path, name: str, settings: CodecSettings) -> tuple[Path, ...]:
    if settings.backend == "world":
        return (project / "work" / "codecs" / name / "codec.safetensors",)
    return (project / settings.encoder, project / settings.decoder)
