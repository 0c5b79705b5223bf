"""Everything that dubbing needs, wherever it lies: an exported folder, or a run of the workflow in its project."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubber.codec.settings import CodecSettings
from dubber.dub.settings import SynthesisSettings
from dubber.errors import MissingDataError
from dubber.media.settings import FAN_FILES, CropSettings, FeatureSettings
from dubber.train.weights import Description

MODEL = "model.safetensors"
MANIFEST = "dubber.json"  # of an exported folder


@dataclass(frozen=True)
class Bundle:
    """A trained student with all that it is fed through.

    Attributes:
        path: the folder as it was named.
        exported: whether it is an exported folder.
        model: the student's file.
        description: what that file says of itself.
        codec, codec_files: the codec and what it is loaded from.
        features: the lip and face features; paths in it are whole.
        transform: the file with what was fitted of them; None where nothing was.
        crops: how faces are found and cut out; paths in it are whole.
        synthesis: how the experiment samples.
        origin: what it was made of, as JSON values: see `dubber.dub.origin`.
    """

    path: Path
    exported: bool
    model: Path
    description: Description
    codec: CodecSettings
    codec_files: tuple[Path, ...]
    features: FeatureSettings
    transform: Path | None
    crops: CropSettings
    synthesis: SynthesisSettings
    origin: Mapping[str, Any]

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is loaded."""
        own = (self.model, *([self.transform] if self.transform else []))
        return (*own, *self.codec_files, *self.published_weights)

    @property
    def published_weights(self) -> tuple[Path, ...]:
        """Weights that others trained, of the features and of the face detector; not those of the codec."""
        lips = [Path(self.features.lip.weights)] if self.features.lip.backend == "resnet18" else []
        fan = [Path(self.crops.fan_weights) / name for name in FAN_FILES] if self.crops.backend == "fan" else []
        return (*lips, *fan)

    @property
    def longest(self) -> float:
        """Seconds of speech that the student's positions cover."""
        return self.description.model.max_positions / self.description.model.token_rate


def with_paths(
    features: FeatureSettings,
    crops: CropSettings,
    file: Callable[[str], Path | str],
    folder: Callable[[str], Path | str],
) -> tuple[FeatureSettings, CropSettings]:
    """The same settings with every path of published weights, of a file or of a folder, as these functions have it."""
    if features.lip.backend == "resnet18":
        lip = features.lip.model_copy(update={"weights": str(file(features.lip.weights))})
        features = features.model_copy(update={"lip": lip})
    return features, crops.model_copy(update={"fan_weights": str(folder(crops.fan_weights))})


def open_bundle(path: Path | str, configfiles: Sequence[Path | str] = ()) -> Bundle:
    """Find out what lies at `path`.

    Args:
        path: an exported folder, or `runs/<experiment>/<run>` of a project.
        configfiles: of a run: what was given to Snakemake as `--configfile`.

    Raises:
        MissingDataError: there is neither.
        DubberError: the export is damaged or of another version, or the run's experiment is not configured.
    """
    from dubber.dub.exported import read_export
    from dubber.dub.run_folder import read_run

    folder = Path(path)
    if (folder / MANIFEST).is_file():
        return read_export(folder)
    if (folder / MODEL).is_file():
        return read_run(folder, configfiles)
    raise MissingDataError("There is no model.", looked_at=folder, hint=_hint(folder))


def _hint(folder: Path) -> str:
    inside = sorted(file.parent for file in folder.glob(f"*/{MODEL}") if file.parent.name != "stage1")
    if inside:
        return f"There is one in {', '.join(map(str, inside))}."
    return (
        "Name an exported folder (`dubber export` makes it), or runs/<experiment>/<run> of a project in which it has "
        "been trained: snakemake --cores 2 runs/demo/full/model.safetensors"
    )
