"""Rule `bundle`: `dubber.json` of a trained run, which is all that the product reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

import dubber
from dubber.dub.bundle import Bundle, FileFacts, Origin, RunFacts, VideoInput, write_manifest
from dubber.dub.model_card import packages
from dubber.dub.settings import BundleSettings
from dubber.files import checksum
from dubber.model.settings import describe_model
from dubber.runner import Input, Inputs, OptionalInput, Output


def bundle(
    model: Input,
    summary: Input,
    teacher: OptionalInput,
    codec: Inputs,
    transform: OptionalInput,
    settings: BundleSettings,
    manifest: Output,
) -> None:
    """Describe a trained run and all that it is fed through, with paths relative to the run folder.

    Args:
        model: the model file, beside which the description is written.
        summary: of its run.
        teacher: the summary of stage 1, where a student starts from it.
        codec: the codec's files.
        transform: of a student, what was fitted of its features.
        settings: everything else that the product needs to know.
        manifest: the file to write.
    """
    video = None
    if settings.features is not None and settings.crops is not None:
        video = VideoInput(settings.features, transform, settings.crops)
    described = Bundle(
        path=model.parent,
        description=describe_model(model),
        codec=settings.codec,
        codec_files=codec,
        video=video,
        synthesis=settings.synthesis,
        origin=Origin(
            **dict(settings.sources),
            dubber=dubber.__version__,
            training=_facts(summary),
            teacher=_facts(teacher) if teacher else None,
            packages=packages(),
        ),
    )

    def name(path: Path) -> str:
        return path.as_posix() if path.is_absolute() else Path(os.path.relpath(path, manifest.parent)).as_posix()

    files = {name(path): FileFacts(size=path.stat().st_size, sha256=checksum(path)) for path in described.files}
    write_manifest(described.named(name, files), manifest)


def _facts(summary: Path) -> RunFacts:
    return RunFacts.from_summary(json.loads(summary.read_text(encoding="utf-8")))
