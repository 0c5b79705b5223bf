"""A trained model with all that it is fed through, and `dubber.json`, which names it.

A run folder and an exported folder share this format. In a run folder the paths lead to files of the project; an
exported folder holds every file itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from dubber.codec.settings import CodecSettings
from dubber.dub.settings import Sources, SynthesisSettings
from dubber.errors import DubberError, MissingDataError
from dubber.files import atomic_path, checksum, read_limited
from dubber.media.settings import FAN_FILES, CropSettings, FeatureSettings
from dubber.model.settings import Description, describe_model
from dubber.settings import Settings, first_wrong
from dubber.text.alphabet import SYMBOLS

MODEL = "model.safetensors"
MANIFEST = "dubber.json"
FORMAT = "dubber model 2"
Kind = Literal["dubbing", "tts"]


# --- dubber.json -----------------------------------------------------------------------------------------------------


class FileFacts(Settings):
    """A file as it was when `dubber.json` was written."""

    size: int = Field(ge=0, description="bytes")
    sha256: str = Field(description="its checksum")
    included: bool = Field(default=True, description="whether an export holds it; published weights can be left out")


class RunFacts(Settings):
    """A training run, from its `summary.json`."""

    fingerprint: str = Field(description="of everything that changes the result")
    weights: str = Field(description="digest of the weights")
    steps: int = Field(description="optimiser steps")
    epochs: float = Field(description="passes over the clips")
    batch_size: int = Field(description="clips a step")
    clips: dict[str, int] = Field(description="split -> clips")
    seconds: float = Field(description="time spent")
    seed: int
    parameters: dict[str, int] = Field(description="module -> scalars; total and trained")
    losses: dict[str, dict[str, float]] = Field(description="phase -> term -> mean at the end")
    code: str = Field(description="digest of the training code")
    data: dict[str, str] = Field(description="digests of the data")
    longest_tokens: int = Field(description="speech tokens of the longest clips that were trained on")
    versions: dict[str, str] = Field(description="of Python, the platform and packages")

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any]) -> Self:
        """The facts in a `summary.json`; of the losses, those at the end."""
        facts = {name: summary[name] for name in cls.model_fields}
        return cls.model_validate(facts | {"losses": {phase: ends["last"] for phase, ends in facts["losses"].items()}})


class Package(Settings):
    """An installed package that carries data or weights, or affects numbers."""

    version: str
    licence: str


class Origin(Sources):
    """Where a model comes from: sources, runs, packages."""

    dubber: str = Field(description="version that wrote this")
    training: RunFacts = Field(description="the model's own run")
    teacher: RunFacts | None = Field(default=None, description="the run of stage 1 that a student starts from")
    packages: dict[str, Package] = Field(description="name -> version and licence")


class _Format(BaseModel):
    """Only the format of a `dubber.json`, whatever else is in it."""

    format: str


class Manifest(Settings):
    """`dubber.json`; its paths are relative to its folder."""

    format: str
    kind: Kind = Field(description="dubbing: a student; tts: a teacher, which sees no video")
    files: dict[str, FileFacts] = Field(description="path -> facts, of every file that is loaded")
    model: Description = Field(description="what the model file says about itself")
    codec: CodecSettings
    codec_files: tuple[str, ...] = Field(description="paths of the codec's weights")
    features: FeatureSettings | None
    crops: CropSettings | None
    transform: str | None = Field(description="path of the fitted features; null where nothing is fitted")
    synthesis: SynthesisSettings
    alphabet: tuple[str, ...] = Field(description="phonemes, in the order of their ids")
    origin: Origin

    @model_validator(mode="after")
    def _listed(self) -> Self:
        loaded = [MODEL, *self.codec_files, *([self.transform] if self.transform else [])]
        absent = [name for name in loaded if name not in self.files]
        if absent:
            raise ValueError(f"files: {absent[0]} is not among them")
        return self


# --- the bundle ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class VideoInput:
    """What a student sees through.

    Attributes:
        features: the lip and face features.
        transform: the file of what was fitted of them; None where nothing was.
        crops: how faces are found and cut out.
    """

    features: FeatureSettings
    transform: Path | None
    crops: CropSettings

    @property
    def published_weights(self) -> tuple[Path, ...]:
        """Weights that others trained, of the features and of the face detector."""
        needed = (self.features.needed, self.crops.needed)
        return tuple(Path(path) for files in needed if files for path in files.paths)

    def with_paths(self, transform: Path | None, place: Callable[[Path], Path]) -> VideoInput:
        """The same with another transform, and each path of published weights changed by `place`."""
        features, crops = self.features, self.crops
        if features.lip.backend == "resnet18":
            lip = features.lip.model_copy(update={"weights": place(Path(features.lip.weights)).as_posix()})
            features = features.model_copy(update={"lip": lip})
        if crops.backend == "fan":
            folder = place(Path(crops.fan_weights) / FAN_FILES[0]).parent
            crops = crops.model_copy(update={"fan_weights": folder.as_posix()})
        return VideoInput(features, transform, crops)


@dataclass(frozen=True)
class Bundle:
    """A trained model with all that it is fed through; its paths can be opened as they are.

    Attributes:
        path: its folder.
        description: what the model file says about itself.
        codec, codec_files: the codec and what it is loaded from.
        video: what a student sees through; None for a teacher, which sees nothing.
        synthesis: how its experiment samples.
        origin: where it comes from.
    """

    path: Path
    description: Description
    codec: CodecSettings
    codec_files: tuple[Path, ...]
    video: VideoInput | None
    synthesis: SynthesisSettings
    origin: Origin

    @property
    def kind(self) -> Kind:
        """Whether it dubs videos or only speaks texts."""
        return "dubbing" if self.description.stage == "stage2" else "tts"

    @property
    def model(self) -> Path:
        """The model file."""
        return self.path / MODEL

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is loaded."""
        video = self.video
        fitted = (video.transform,) if video and video.transform else ()
        return (self.model, *fitted, *self.codec_files, *(video.published_weights if video else ()))

    @property
    def published_weights(self) -> tuple[Path, ...]:
        """The files that others trained."""
        codec = self.codec_files if self.codec.needed else ()
        return (*codec, *(self.video.published_weights if self.video else ()))

    @property
    def exported(self) -> bool:
        """Whether every file is inside the folder."""
        home = self.path.resolve()
        return all(Path(os.path.normpath(home / path)).is_relative_to(home) for path in self.files)

    @property
    def longest(self) -> float:
        """Seconds of speech that the model's positions cover."""
        return self.description.model.max_positions / self.description.model.token_rate

    def named(self, name: Callable[[Path], str], files: Mapping[str, FileFacts]) -> Manifest:
        """The `dubber.json` of this bundle with other names for its files.

        Args:
            name: a file's path in `dubber.json`.
            files: facts of each, by these paths.
        """
        video = self.video
        if video is not None:
            transform = Path(name(video.transform)) if video.transform else None
            video = video.with_paths(transform, lambda path: Path(name(path)))
        return Manifest(
            format=FORMAT,
            kind=self.kind,
            files=dict(files),
            model=self.description,
            codec=self.codec,
            codec_files=tuple(map(name, self.codec_files)),
            features=video and video.features,
            crops=video and video.crops,
            transform=video.transform.as_posix() if video and video.transform else None,
            synthesis=self.synthesis,
            alphabet=SYMBOLS,
            origin=self.origin,
        )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write `dubber.json`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


# --- opening ---------------------------------------------------------------------------------------------------------


def open_bundle(path: Path | str) -> Bundle:
    """Open a run folder or an exported folder; every file is checked against `dubber.json`.

    Args:
        path: the folder that holds `dubber.json`.

    Raises:
        MissingDataError: there is no model, or it lacks a file.
        DubberError: a file is damaged, or `dubber.json` is of another version.
    """
    folder = Path(path)
    if not (folder / MANIFEST).is_file():
        raise MissingDataError("There is no model.", looked_at=folder, hint=_hint(folder))
    manifest = read_manifest(folder / MANIFEST)
    home = folder.resolve()
    for name, facts in manifest.files.items():
        _check_file(home / name, name, facts, manifest)
    if manifest.alphabet != SYMBOLS:
        raise DubberError(
            "The model was trained on another set of phonemes than this version of dubber has.",
            looked_at=folder / MANIFEST,
            hint=f"It was written by dubber {manifest.origin.dubber}.",
        )
    description = describe_model(folder / MODEL)
    if description != manifest.model:
        raise DubberError(f"{MANIFEST} and {MODEL} are not of one model.", looked_at=folder, hint=_again(manifest))
    video = None
    if manifest.features is not None and manifest.crops is not None:
        transform = home / manifest.transform if manifest.transform else None
        video = VideoInput(manifest.features, None, manifest.crops).with_paths(transform, lambda name: home / name)
    return Bundle(
        path=folder,
        description=description,
        codec=manifest.codec,
        codec_files=tuple(home / name for name in manifest.codec_files),
        video=video,
        synthesis=manifest.synthesis,
        origin=manifest.origin,
    )


def _hint(folder: Path) -> str:
    if (folder / MODEL).is_file():
        return f"A trained run needs its {MANIFEST}: snakemake --cores 1 {folder / MANIFEST}"
    inside = sorted(file.parent for file in folder.glob(f"*/{MANIFEST}"))
    if inside:
        return f"There is one in {', '.join(map(str, inside))}."
    return (
        "Name an exported folder (`dubber export` makes it), or runs/<experiment>/<run> of a project in which it has "
        f"been trained: snakemake --cores 2 runs/demo/full/{MANIFEST}"
    )


def read_manifest(path: Path) -> Manifest:
    """Read a `dubber.json`.

    Raises:
        DubberError: it cannot be read, or is of another version.
    """
    content = read_limited(path, "A model's description")
    try:
        found = _Format.model_validate_json(content).format
        if found == FORMAT:
            return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise DubberError(
            f"The description of a model is not valid: {first_wrong(error)}",
            looked_at=path,
            hint="Use the version of dubber that wrote it, or write it again.",
        ) from None
    raise DubberError(
        f"The folder is of the format '{found[:80]}', and this version of dubber reads '{FORMAT}'.",
        looked_at=path,
        hint="Write it again with this version, or use the version that wrote it.",
    )


def _check_file(path: Path, name: str, facts: FileFacts, manifest: Manifest) -> None:
    """A file must exist, and be the same in every byte."""
    again = _again(manifest)
    if not path.is_file():
        sources = [f"{row.url} ({row.licence})" for row in manifest.origin.weights]
        absent = f"It was left out of the export: put it there. {' '.join(sources)}".strip()
        raise MissingDataError(
            f"The model lacks the file {name}.", looked_at=path, hint=again if facts.included else absent
        )
    if path.stat().st_size != facts.size:
        raise DubberError(
            f"{name} has {path.stat().st_size} bytes instead of {facts.size}.", looked_at=path, hint=again
        )
    if checksum(path) != facts.sha256:
        raise DubberError(f"{name} has changed: its checksum differs.", looked_at=path, hint=again)


def _again(manifest: Manifest) -> str:
    """How files become whole again."""
    if any(name.startswith("..") or Path(name).is_absolute() for name in manifest.files):
        run = f"runs/{manifest.origin.experiment}/{manifest.origin.run}"
        return (
            f"A run folder names files of its project. In the project, `snakemake --cores 2 {run}/{MANIFEST}` makes "
            f"them; a run that is to be moved is exported: dubber export {run} -o FOLDER"
        )
    return "Copy the whole folder again."
