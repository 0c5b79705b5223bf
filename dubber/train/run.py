"""A run from settings and artifacts to `model.safetensors` and `summary.json`.

The run directory is beside them. Its name is a fingerprint of everything that changes the result: settings, data, code,
and for the student its teacher. A run with the same fingerprint is resumed, or is finished; another one gets a new
directory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from dubber import provenance
from dubber.devices import choose_device, choose_precision
from dubber.errors import ConfigError
from dubber.files import file_digest
from dubber.locks import locked
from dubber.model.dubber import Dubber
from dubber.model.settings import Description, describe_model
from dubber.model.tts import TTS
from dubber.model.weights import load_model, save_model
from dubber.train.arrow import FORMAT, pack
from dubber.train.batches import open_data, read_splits
from dubber.train.distributed import make_runtime
from dubber.train.loop import Task, Trainer
from dubber.train.losses import stage1_losses, stage2_losses
from dubber.train.randomness import seed_everything
from dubber.train.run_log import ENVIRONMENT, flat, locked_run, write_json
from dubber.train.settings import ExecutionSettings, RunSettings
from dubber.train.summary import summarise

log = logging.getLogger(__name__)

Paths = Sequence[Path | str]
DATA = "data"  # beside the runs of an experiment

VIDEO_WIDTHS = {"lip_features", "face_features"}  # of the model: a teacher sees no video


@dataclass(frozen=True)
class Artifacts:
    """The files that a run learns from.

    Attributes:
        tokens, durations: one file a shard.
        manifests: one file a corpus.
        features: of a student, one file a shard.
        teacher: of a student, the model file of stage 1; None for a student without pre-training.
    """

    tokens: Paths
    durations: Paths
    manifests: Paths
    features: Paths = ()
    teacher: Path | None = None

    def identity(self) -> dict[str, str]:
        """Digests of the shards' content and of the splits, which are all that matters here in a manifest."""
        files = {"tokens": self.tokens, "durations": self.durations, "features": self.features}
        splits = read_splits(self.manifests)
        contents = {name: [file_digest(path) for path in paths] for name, paths in files.items() if paths}
        digests = {name: provenance.digest(content) for name, content in contents.items()}
        return {**digests, "splits": provenance.digest([sorted(splits.train), sorted(splits.val)])}

    def packed(self, folder: Path, identity: Mapping[str, str]) -> Path:
        """The file that training reads, made at its first use; runs on the same data share it.

        Args:
            folder: of such files; they can be deleted when no run reads them.
            identity: of these artifacts.
        """
        path = folder / f"{provenance.digest([FORMAT, identity])}.arrow"
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with locked(path.with_suffix(".lock"), str(path)):
            if not path.exists():
                splits = read_splits(self.manifests)
                files = {"tokens": self.tokens, "durations": self.durations, "features": self.features}
                pack(path, {"train": splits.train, "val": splits.val}, **files)
        return path


@dataclass(frozen=True)
class Outputs:
    """Where a run leaves its model file and its summary."""

    model: Path
    summary: Path


def train(
    settings: RunSettings,
    execution: ExecutionSettings,
    artifacts: Artifacts,
    outputs: Outputs,
    *,
    code: str,
    threads: int,
) -> None:
    """Train a teacher (eq. 9) or a student (eq. 7), or resume it; a finished run is only exported again.

    Args:
        outputs: the run directory is made beside the model file.
        code: digest of the code that trains.
        threads: CPU threads.

    Raises:
        Stopped: a signal asked for it (exit code 75); the same call resumes the run.
        ConfigError: the teacher is of another size or codec, or distillation is on without pre-training.
        DubberError: no data, a loss that is not finite, a full disk.
    """
    settings = _with_precision(settings, execution)
    data_identity, runs = artifacts.identity(), outputs.model.parent.parent
    identity = {"settings": settings.identity(), "data": data_identity, "code": code}
    identity |= _teacher_identity(artifacts.teacher, settings)
    runtime = make_runtime(execution, settings.train.precision, threads)
    main = runtime.place.main
    with locked_run(outputs.model.parent, json.loads(json.dumps(identity)), main=main) as folder:
        if main:
            write_json(folder.path / ENVIRONMENT, {**provenance.environment(), **runtime.describe()})
            artifacts.packed(runs / DATA, data_identity)
        runtime.wait()
        data = open_data(artifacts.packed(runs / DATA, data_identity), settings.model, settings.train.max_clip_tokens)
        seed_everything(settings.train.seed)
        task = _make_task(settings, artifacts.teacher, runtime.device)
        trainer = Trainer(task, data, settings.train, execution, folder, runtime)
        trainer.run()
        weights = trainer.weights()
        if main:
            save_model(outputs.model, weights, _describe(settings, folder.fingerprint))
            write_json(outputs.summary, summarise(trainer, weights, folder))
            log.info("%s: %s after %d steps", settings.stage, outputs.model, trainer.progress.step)
        runtime.wait()


def _with_precision(settings: RunSettings, execution: ExecutionSettings) -> RunSettings:
    """The precision that "auto" means on this device is part of the run's identity."""
    precision = choose_precision(settings.train.precision, choose_device(execution.device))
    return settings.model_copy(update={"train": settings.train.model_copy(update={"precision": precision})})


def _make_task(settings: RunSettings, teacher: Path | None, device: torch.device) -> Task:
    """The model of a stage with its losses; a student starts from the teacher, and is distilled from it."""
    parts, objective = settings.parts, settings.objective
    if parts is None:
        tts = TTS(settings.model, objective)
        return Task(tts, tts, lambda output, batch: stage1_losses(output, batch, objective))
    student = Dubber(settings.model, objective, parts)
    frozen: TTS | None = None
    if parts.pretraining and teacher is not None:
        frozen = load_model(teacher, "stage1", device).requires_grad_(False)
        student.initialise_from(frozen)
    return Task(
        student,
        lambda batch, generator: student(batch, frozen, generator),
        lambda output, batch: stage2_losses(output, batch, objective, parts),
    )


def _teacher_identity(path: Path | None, settings: RunSettings) -> dict[str, str]:
    """The teacher's fingerprint; nothing for a run that has no teacher.

    Raises:
        ConfigError: teacher and student differ in size or codec, or there is none and distillation is on.
    """
    if settings.parts is None:
        return {}
    if not settings.parts.pretraining:
        if settings.parts.distillation:
            raise ConfigError(
                "Distillation needs a teacher, and a student without pre-training has none.",
                looked_at="parts.pretraining: false, parts.distillation: true",
                hint="Set parts.distillation: false as well.",
            )
        return {}
    if path is None:
        raise ConfigError("A student with pre-training needs the model file of its teacher.", looked_at="--teacher")
    teacher = describe_model(path)
    theirs = flat({"codec": teacher.codec, "model": teacher.model.model_dump(mode="json", exclude=VIDEO_WIDTHS)})
    ours = flat({"codec": settings.codec, "model": settings.model.model_dump(mode="json", exclude=VIDEO_WIDTHS)})
    differing = [f"{name}: {theirs.get(name)} and {ours[name]}" for name in ours if theirs.get(name) != ours[name]]
    if differing:
        raise ConfigError(
            f"Teacher and student are not of one kind: {'; '.join(differing)}.",
            looked_at=path,
            hint="Train stage 1 with the student's size and codec.",
        )
    return {"teacher": teacher.fingerprint}


def _describe(settings: RunSettings, fingerprint: str) -> Description:
    return Description(
        stage=settings.stage,
        model=settings.model,
        objective=settings.objective,
        parts=settings.parts,
        codec=settings.codec,
        features=settings.features,
        fingerprint=fingerprint,
    )
