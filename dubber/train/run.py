"""A run from settings and artifacts to `model.safetensors` and `summary.json`.

Its directory lies beside them and is named by a fingerprint of everything that changes the result: settings, data,
code, and for the student its teacher. The same fingerprint is gone on with, or is finished; another one starts its own
directory.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dubber import provenance
from dubber.devices import choose_device, choose_precision
from dubber.errors import ConfigError
from dubber.locks import wait_for_lock
from dubber.model.dubber import Dubber
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.train.arrow import FORMAT, pack
from dubber.train.batches import open_data, read_splits
from dubber.train.distributed import make_runtime
from dubber.train.loop import Task, Trainer
from dubber.train.losses import stage1_losses, stage2_losses
from dubber.train.randomness import seed_everything
from dubber.train.run_log import ENVIRONMENT, flat, locked_run, write_json
from dubber.train.runtime import Runtime
from dubber.train.settings import StageSettings
from dubber.train.summary import summarise
from dubber.train.weights import Description, describe_model, load_model, save_model

log = logging.getLogger(__name__)

Paths = Sequence[Path | str]
Stage = Literal["stage1", "stage2"]
DATA = "data"  # beside the runs of an experiment

VIDEO_WIDTHS = {"lip_features", "face_features"}  # of the model: a teacher sees no video


@dataclass(frozen=True)
class RunSettings:
    """What the workflow hands to a training job.

    Attributes:
        model: sizes.
        objective: losses and flow.
        parts: of the student; None for the teacher.
        stage: the training itself.
        codec: name of the codec.
        features: name of the features; None for the teacher.
    """

    model: ModelSettings
    objective: ObjectiveSettings
    parts: PartsSettings | None
    stage: StageSettings
    codec: str
    features: str | None

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> RunSettings:
        """From the mapping that `dubber.plan.Plan.stage1_settings` or `stage2_settings` gives, the precision chosen."""
        stage = StageSettings.model_validate(settings["stage"])
        precision = choose_precision(stage.precision, choose_device(stage.device))
        return cls(
            model=ModelSettings.model_validate(settings["model"]),
            objective=ObjectiveSettings.model_validate(settings["objective"]),
            parts=PartsSettings.model_validate(settings["parts"]) if "parts" in settings else None,
            stage=stage.model_copy(update={"precision": precision}),
            codec=settings["codec"],
            features=settings.get("features"),
        )

    def identity(self) -> dict[str, Any]:
        """What of the settings decides the result, as JSON values."""
        identity = {
            "model": self.model.model_dump(mode="json"),
            "objective": self.objective.of_stage("stage2" if self.parts else "stage1"),
            "parts": self.parts.model_dump(mode="json") if self.parts else None,
            "stage": self.stage.identity(),
            "codec": self.codec,
            "features": self.features,
        }
        return {name: value for name, value in identity.items() if value is not None}


@dataclass(frozen=True)
class Artifacts:
    """The files that a run learns from: one per shard, and a manifest per corpus; `features` for the student."""

    tokens: Paths
    durations: Paths
    manifests: Paths
    features: Paths = ()

    def identity(self) -> dict[str, str]:
        """Digests of the files' content, and of what the manifests say that matters here: the splits."""
        files = {"tokens": self.tokens, "durations": self.durations, "features": self.features}
        digests = {name: [provenance.file_digest(path) for path in paths] for name, paths in files.items()}
        splits = read_splits(self.manifests)
        digests["splits"] = [sorted(splits.train), sorted(splits.val)]
        return {name: provenance.digest(value) for name, value in digests.items() if value}

    def packed(self, folder: Path, identity: Mapping[str, str]) -> Path:
        """The file that training reads, made at its first use; runs on the same data share it.

        Args:
            folder: where it lies; what is in it can be deleted when no run reads it.
            identity: of these artifacts.
        """
        path = folder / f"{provenance.digest([FORMAT, identity])}.arrow"
        if path.exists():
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            wait_for_lock(lock, str(path))
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


def train_stage1(
    settings: Mapping[str, Any],
    *,
    tokens: Paths,
    durations: Paths,
    manifests: Paths,
    model: Path,
    summary: Path,
    code: str,
    threads: int,
) -> None:
    """Train the teacher (eq. 9), or go on with it; a finished run is only exported again.

    Args:
        settings: as `RunSettings.parse` takes them.
        model: the model file; the run directory is made beside it.
        summary: the summary file.
        code: digest of the code that trains.
        threads: CPU threads.

    Raises:
        Stopped: a signal asked for it (exit code 75); the same call goes on.
        DubberError: no data, a loss that is not finite, a full disk.
    """
    parsed = RunSettings.parse(settings)

    def make_task(runtime: Runtime) -> Task:
        tts = TTS(parsed.model, parsed.objective)
        return Task(tts, tts, lambda output, batch: stage1_losses(output, batch, parsed.objective))

    artifacts = Artifacts(tokens, durations, manifests)
    _train("stage1", parsed, artifacts, Outputs(Path(model), Path(summary)), make_task, {"code": code}, threads)


def train_stage2(
    settings: Mapping[str, Any],
    *,
    tokens: Paths,
    durations: Paths,
    features: Paths,
    manifests: Paths,
    teacher: Path | str | None,
    model: Path,
    summary: Path,
    code: str,
    threads: int,
) -> None:
    """Train the student (eq. 7), or go on with it; as `train_stage1`.

    Args:
        teacher: the model file of stage 1; None for a student that has no teacher, such as that without pre-training.

    Raises:
        Stopped, DubberError: as `train_stage1`.
        ConfigError: the teacher is of another size or codec, or distillation is on without pre-training.
    """
    parsed = RunSettings.parse(settings)
    origin = {"code": code, **_teacher_identity(teacher, parsed)}

    def make_task(runtime: Runtime) -> Task:
        student = Dubber(parsed.model, parsed.objective, parsed.parts)
        tts = None
        if parsed.parts.pretraining:
            tts = load_model(teacher, "stage1", runtime.device).requires_grad_(False)
            student.initialise_from(tts)
        return Task(
            student,
            lambda batch, generator: student(batch, tts, generator),
            lambda output, batch: stage2_losses(output, batch, parsed.objective, parsed.parts),
        )

    artifacts = Artifacts(tokens, durations, manifests, features)
    _train("stage2", parsed, artifacts, Outputs(Path(model), Path(summary)), make_task, origin, threads)


def _teacher_identity(path: Path | str | None, settings: RunSettings) -> dict[str, str]:
    """The teacher's fingerprint; nothing for a student that has none."""
    if not settings.parts.pretraining:
        if settings.parts.distillation:
            raise ConfigError(
                "Distillation needs a teacher, and a student without pre-training has none.",
                looked_at="parts.pretraining: false, parts.distillation: true",
                hint="Set parts.distillation: false as well.",
            )
        return {}
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


def _train(
    stage: Stage,
    settings: RunSettings,
    artifacts: Artifacts,
    outputs: Outputs,
    make_task: Callable[[Runtime], Task],
    origin: Mapping[str, str],
    threads: int,
) -> None:
    runtime = make_runtime(settings.stage, threads)
    data_identity = artifacts.identity()
    identity = {"stage": stage, "settings": settings.identity(), "data": data_identity, **origin}
    main = runtime.place.main
    with locked_run(outputs.model.parent, json.loads(json.dumps(identity)), main=main) as folder:
        if main:
            write_json(folder.path / ENVIRONMENT, {**provenance.environment(), **runtime.describe()})
            artifacts.packed(outputs.model.parent.parent / DATA, data_identity)
        runtime.wait()
        packed = artifacts.packed(outputs.model.parent.parent / DATA, data_identity)
        data = open_data(packed, settings.model, settings.stage.max_clip_tokens)
        seed_everything(settings.stage.seed)
        trainer = Trainer(outputs.model.parent.name, make_task(runtime), data, settings.stage, folder, runtime)
        trainer.run()
        weights = trainer.weights()
        if main:
            save_model(outputs.model, weights, _describe(stage, settings, folder.fingerprint))
            write_json(outputs.summary, summarise(trainer, weights, folder))
            log.info("%s: %s after %d steps", stage, outputs.model, trainer.progress.step)
        runtime.wait()


def _describe(stage: Stage, settings: RunSettings, fingerprint: str) -> Description:
    names = {"codec": settings.codec, "features": settings.features, "fingerprint": fingerprint}
    return Description(stage, settings.model, settings.objective, settings.parts, **names)
