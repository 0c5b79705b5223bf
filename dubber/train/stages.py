"""The two stages from artifacts to a model file: pack, train or go on, export."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from dubber import provenance
from dubber.errors import ConfigError
from dubber.model.dubber import Dubber
from dubber.model.tts import TTS
from dubber.train.data import Collator, Loader, PackedClips
from dubber.train.loop import Trainer, seed_everything
from dubber.train.pack import Pack, Sources, make_pack
from dubber.train.runlog import ENVIRONMENT, LOSS, RunFolder, flat, locked_run, read_metrics, write_json
from dubber.train.runtime import Runtime, make_runtime
from dubber.train.sampler import BucketSampler
from dubber.train.settings import Stage1Settings, Stage2Settings, StageSettings
from dubber.train.tasks import Stage1, Stage2, Task
from dubber.train.weights import Description, describe_model, load_model, save_model, weights_digest

log = logging.getLogger(__name__)

PACKS = "packs"
ENDS_SHARE = 0.05  # of the log's lines that count as the first, and as the last


def train_stage1(
    settings: Stage1Settings,
    sources: Sources,
    *,
    model: Path | str,
    summary: Path | str,
    code: str,
    threads: int | None = None,
) -> None:
    """Train the teacher and write its model and summary.

    Checkpoints, log and configuration go to `<folder of model>/<fingerprint>/`; a run that is there is gone on with,
    one that is finished is only exported again.

    Args:
        sources: manifests, tokens and matrix.
        model: model.safetensors.
        summary: summary.json.
        code: digest of the code, as part of the fingerprint.
        threads: CPU threads.

    Raises:
        Stopped: a signal asked for it (exit code 75); call again to go on.
        DubberError: bad data, a loss that is not finite, a full disk.
    """
    runtime = make_runtime(settings.stage, threads)
    identity = {"stage": "stage1", "settings": settings.identity, "code": code, "parent": None}

    def make_task() -> Stage1:
        return Stage1(TTS(settings.model, settings.objective), settings.objective)

    run = _Run(settings, sources, identity, Path(model), Path(summary), runtime)
    run.train(make_task)


def train_stage2(
    settings: Stage2Settings,
    sources: Sources,
    *,
    teacher: Path | str,
    model: Path | str,
    summary: Path | str,
    code: str,
    threads: int | None = None,
) -> None:
    """Train the student; as `train_stage1`.

    Args:
        sources: manifests, tokens, matrix and features.
        teacher: the model.safetensors of stage 1; its fingerprint is part of the student's.

    Raises:
        ConfigError: teacher and student are of different sizes or codecs.
    """
    runtime = make_runtime(settings.stage, threads)
    description = describe_model(teacher)
    _check_teacher(description, settings, teacher)
    parent = {"fingerprint": description.fingerprint, "weights": provenance.file_digest(teacher)}
    identity = {"stage": "stage2", "settings": settings.identity, "code": code, "parent": parent}
    parts = settings.parts

    def make_task() -> Stage2:
        student = Dubber(settings.model, settings.objective, parts)
        needed = parts.pretraining or parts.distillation
        tts = load_model(teacher, "stage1") if needed else None
        if parts.pretraining:
            student.initialise_from(tts)
        return Stage2(student, tts if parts.distillation else None, settings.objective, parts)

    run = _Run(settings, sources, identity, Path(model), Path(summary), runtime)
    run.train(make_task)


def _check_teacher(teacher: Description, settings: Stage2Settings, path: Path | str) -> None:
    theirs = {"codec": teacher.codec, **flat({"model": teacher.model.model_dump(mode="json")})}
    ours = {"codec": settings.codec, **flat({"model": settings.model.model_dump(mode="json")})}
    differing = [f"{key}: teacher {theirs[key]}, student {ours[key]}" for key in ours if theirs[key] != ours[key]]
    if differing and settings.parts.pretraining:
        raise ConfigError(
            f"The student is not of its teacher's kind: {'; '.join(differing)}.",
            looked_at=path,
            hint="Train stage 1 with the same size and codec.",
        )


class _Run:
    """One run of either stage."""

    def __init__(
        self,
        settings: Stage1Settings,
        sources: Sources,
        identity: dict[str, Any],
        model: Path,
        summary: Path,
        runtime: Runtime,
    ) -> None:
        self.settings, self.identity, self.runtime = settings, identity, runtime
        self.model, self.summary = model, summary
        packs = model.parent.parent / PACKS
        if runtime.main:
            make_pack(sources, packs)
        runtime.fabric.barrier()
        self.pack = make_pack(sources, packs)
        self.identity = {**identity, "data": self.pack.digest}

    def train(self, make_task) -> None:
        with locked_run(self.model.parent, self.identity, main=self.runtime.main) as folder:
            if self.runtime.main:
                environment = {**provenance.environment(), **self.runtime.describe()}
                write_json(folder.path / ENVIRONMENT, environment)
            seed_everything(self.settings.stage.seed)
            task = make_task()
            seed_everything(self.settings.stage.seed + 1 + self.runtime.rank)
            train, validation = self._loaders()
            trainer = Trainer(task, train, validation, self.settings.stage, folder, self.runtime)
            trainer.run()
            if self.runtime.main:
                self._export(trainer, folder)

    def _loaders(self) -> tuple[Loader, Loader | None]:
        stage, collate = self.settings.stage, Collator(self.settings.model)
        train = _loader(PackedClips(self.pack.path("train")), stage, collate, self.runtime)
        if self.pack.counts["val"] < self.runtime.world:
            return train, None
        return train, _loader(PackedClips(self.pack.path("val")), stage, collate, self.runtime)

    def _export(self, trainer: Trainer, folder: RunFolder) -> None:
        weights = trainer.task.model.state_dict()
        save_model(self.model, weights, self._description(folder.fingerprint))
        facts = summarise(trainer, folder, self.settings.stage, self.pack)
        write_json(self.summary, {"stage": self.identity["stage"], **facts})
        log.info("%s: weights %s", self.model, facts["weights"])

    def _description(self, fingerprint: str) -> Description:
        settings = self.settings
        return Description(
            stage=self.identity["stage"],
            model=settings.model,
            objective=settings.objective,
            parts=getattr(settings, "parts", None),
            codec=settings.codec,
            features=getattr(settings, "features", None),
            fingerprint=fingerprint,
        )


def _loader(clips: PackedClips, stage: StageSettings, collate: Collator, runtime: Runtime) -> Loader:
    sampler = BucketSampler(
        clips.lengths, stage.batch_size, stage.seed, stage.bucket_batches, runtime.rank, runtime.world
    )
    return Loader(clips, sampler, collate, stage.workers)


def summarise(trainer: Trainer, folder: RunFolder, stage: StageSettings, pack: Pack) -> dict[str, Any]:
    """What summary.json says."""
    progress, environment = trainer.progress, json.loads((folder.path / ENVIRONMENT).read_text())
    model = trainer.task.model
    validation = read_metrics(folder.metrics, "val")
    return {
        "fingerprint": folder.fingerprint,
        "weights": weights_digest(model.state_dict()),
        "seed": stage.seed,
        "steps": progress.step,
        "epochs": round(progress.step / trainer.train_data.sampler.batches_per_epoch, 3),
        "batch_size": stage.batch_size,
        "training_clips": pack.counts["train"],
        "validation_clips": pack.counts["val"],
        "seconds": round(progress.seconds, 1),
        "device": environment["device"],
        "precision": stage.precision,
        "threads": environment["threads"],
        "parameters": count_parameters(model),
        "trained_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "parameters_by_module": {name: count_parameters(module) for name, module in model.named_children()},
        "losses": first_and_last(read_metrics(folder.metrics, "train")),
        "validation_losses": _losses_of(validation[-1]) if validation else {},
    }


def count_parameters(module: nn.Module) -> int:
    """Scalars in a module's parameters."""
    return sum(p.numel() for p in module.parameters())


def first_and_last(records: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Each loss averaged over the first and the last lines of a log."""
    n = max(1, round(ENDS_SHARE * len(records)))
    return {name: _mean([_losses_of(r) for r in part]) for name, part in _ends(records, n).items()}


def _ends(records: list[dict[str, Any]], n: int) -> dict[str, list[dict[str, Any]]]:
    return {"first": records[:n], "last": records[-n:]}


def _losses_of(record: Mapping[str, Any]) -> dict[str, float]:
    return {LOSS: record[LOSS], **record["terms"]}


def _mean(losses: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(each[name] for each in losses) / len(losses) for name in losses[0]} if losses else {}
