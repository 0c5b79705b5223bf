"""A run from settings and artifacts to `model.safetensors` and `summary.json`.

The run directory is named by a fingerprint of everything that changes the result: settings, data, code, and for the
student its teacher. The same fingerprint goes on or is finished; another one starts its own directory.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dubber import provenance
from dubber.artifacts import atomic_path
from dubber.errors import DubberError
from dubber.model.dubber import Dubber
from dubber.model.files import Provenance, build, load_model, save_model
from dubber.model.settings import ModelSettings, ObjectiveSettings, PartsSettings
from dubber.model.tts import TTS
from dubber.train.data import Artifacts, load_clips
from dubber.train.loop import Trainer, TrainingData
from dubber.train.losses import stage1_losses, stage2_losses
from dubber.train.runlog import read_metrics
from dubber.train.runtime import Runtime, start
from dubber.train.settings import StageSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunSettings:
    """What the workflow hands to a training job.

    Attributes:
        model: sizes.
        objective: losses and flow.
        parts: of the student; None for the teacher.
        stage: optimisation.
        codec: name of the codec.
        features: name of the features; empty for the teacher.
    """

    model: ModelSettings
    objective: ObjectiveSettings
    parts: PartsSettings | None
    stage: StageSettings
    codec: str
    features: str

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> RunSettings:
        """From the JSON of `dubber.plan.Plan.stage1_settings` or `stage2_settings`."""
        return cls(
            ModelSettings.model_validate(raw["model"]),
            ObjectiveSettings.model_validate(raw["objective"]),
            PartsSettings.model_validate(raw["parts"]) if "parts" in raw else None,
            StageSettings.model_validate(raw["stage"]),
            raw["codec"],
            raw.get("features", ""),
        )

    def identity(self) -> dict[str, Any]:
        """What of the settings changes the result."""
        return {
            "model": self.model.model_dump(mode="json"),
            "objective": self.objective.model_dump(mode="json"),
            "parts": self.parts.model_dump(mode="json") if self.parts else None,
            "stage": self.stage.identity(),
            "codec": self.codec,
            "features": self.features,
        }


@dataclass(frozen=True)
class Outputs:
    """What a run leaves: the model's file and the summary's."""

    model: Path
    summary: Path


def train_stage1(raw: dict[str, Any], artifacts: Artifacts, outputs: Outputs, *, code: str, threads: int) -> None:
    """Pre-train the teacher (eq. 9).

    Args:
        raw: settings, as `RunSettings.parse` reads them.
        code: digest of the code that trains.
    """
    settings = RunSettings.parse(raw)
    folder, fingerprint = _run_directory(settings, artifacts, outputs, code, teacher="")
    runtime = start(settings.stage.device, settings.stage.precision, threads)
    torch.manual_seed(settings.stage.seed)
    model = TTS(settings.model, settings.objective).to(runtime.device)

    def compute(batch, generator):
        return stage1_losses(model(batch, generator), batch, settings.objective)

    trainer = _trainer(model, compute, settings, artifacts, runtime, folder, "stage1")
    trainer.train()
    _finish(trainer, settings, outputs, Provenance("stage1", fingerprint, settings.codec), threads)


def train_stage2(
    raw: dict[str, Any], artifacts: Artifacts, teacher: Path, outputs: Outputs, *, code: str, threads: int
) -> None:
    """Adapt the teacher to dubbing (eq. 7).

    Args:
        raw: settings, as `RunSettings.parse` reads them.
        teacher: the model file of stage 1; not read by the ablation without pre-training.
        code: digest of the code that trains.
    """
    settings = RunSettings.parse(raw)
    taught = load_model(teacher) if settings.parts.pretraining or settings.parts.distillation else None
    if taught is not None and taught.provenance.codec != settings.codec:
        raise DubberError(
            f"The teacher speaks the codec '{taught.provenance.codec}', the student '{settings.codec}'.",
            looked_at=teacher,
        )
    parent = taught.provenance.fingerprint if taught else ""
    folder, fingerprint = _run_directory(settings, artifacts, outputs, code, teacher=parent)
    runtime = start(settings.stage.device, settings.stage.precision, threads)
    torch.manual_seed(settings.stage.seed)
    model = build(settings.model, settings.objective, settings.parts)
    if settings.parts.pretraining:
        model.initialise_from(taught.model)
    model = model.to(runtime.device)
    tts = taught.model.to(runtime.device) if settings.parts.distillation else None

    def compute(batch, generator):
        return stage2_losses(model(batch, tts, generator), batch, settings.objective, settings.parts)

    trainer = _trainer(model, compute, settings, artifacts, runtime, folder, outputs.model.parent.name)
    trainer.train()
    made = Provenance("stage2", fingerprint, settings.codec, settings.features)
    _finish(trainer, settings, outputs, made, threads)


def _run_directory(
    settings: RunSettings, artifacts: Artifacts, outputs: Outputs, code: str, teacher: str
) -> tuple[Path, str]:
    """The folder of this fingerprint, with config.json and environment.json."""
    data = [provenance.file_digest(p) for p in (*artifacts.tokens, *artifacts.matrix, *artifacts.features)]
    identity = {**settings.identity(), "data": provenance.digest(data), "code": code, "teacher": teacher}
    fingerprint = provenance.digest(identity)
    base = outputs.model.parent
    folder = base / fingerprint
    if not folder.exists():
        _name_differences(base, identity)
    folder.mkdir(parents=True, exist_ok=True)
    written = {"config.json": identity, "environment.json": provenance.environment()}
    for name, content in written.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(json.dumps(content, indent=1))
    return folder, fingerprint


def _name_differences(base: Path, identity: dict[str, Any]) -> None:
    """Say what sets a new run apart from the newest one beside it."""
    others = sorted(base.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    if others:
        before, now = _flat(json.loads(others[-1].read_text())), _flat(json.loads(json.dumps(identity)))
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        log.info("a new run beside %s: %s differ", others[-1].parent.name, ", ".join(changed))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{prefix}.{key}".strip(".")).items()}


def _trainer(model, compute, settings: RunSettings, artifacts, runtime: Runtime, folder: Path, name: str) -> Trainer:
    train, val = load_clips(artifacts, "train"), load_clips(artifacts, "val")
    if not train:
        raise DubberError(
            "There are no training clips that went through every step.",
            looked_at=", ".join(map(str, artifacts.manifests)),
            hint="Read the failures beside the shards under work/.",
        )
    log.info("%s: %d training and %d validation clips", name, len(train), len(val))
    data = TrainingData(train, val, settings.model.pad)
    return Trainer(model, compute, settings.stage, data, runtime, folder, name)


def _finish(trainer: Trainer, settings: RunSettings, outputs: Outputs, made: Provenance, threads: int) -> None:
    """Write the summary and the model's file."""
    metrics = read_metrics(trainer.folder / "metrics.jsonl")
    summary = {
        "fingerprint": made.fingerprint,
        "stage": made.stage,
        "run_directory": trainer.folder.name,
        "steps": trainer.step,
        "epochs": trainer.step / len(trainer.buckets),
        "clips": {"train": len(trainer.data.train), "val": len(trainer.data.val)},
        "losses": {phase: _ends([line for line in metrics if line["phase"] == phase]) for phase in ("train", "val")},
        "seconds": trainer.seconds,
        "seed": settings.stage.seed,
        "device": str(trainer.runtime.device),
        "precision": settings.stage.precision,
        "threads": threads,
        "parameters": count_parameters(trainer.model),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }
    with atomic_path(outputs.summary) as temporary:
        temporary.write_text(json.dumps(summary, indent=1))
    save_model(outputs.model, trainer.model, settings.model, settings.objective, settings.parts, made)


def _ends(lines: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """The mean of every loss over the first and the last tenth of the lines."""
    share = max(1, len(lines) // 10)
    if not lines:
        return {}
    return {"first": _mean(lines[:share]), "last": _mean(lines[-share:])}


def _mean(lines: list[dict[str, Any]]) -> dict[str, float]:
    names = {"loss": [line["loss"] for line in lines]}
    names |= {term: [line["terms"][term] for line in lines] for term in lines[0]["terms"]}
    return {name: sum(values) / len(values) for name, values in names.items()}


def count_parameters(model: TTS | Dubber) -> dict[str, int]:
    """Parameters of every top-level module, and of all."""
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in model.named_children()}
    return {**counts, "total": sum(p.numel() for p in model.parameters())}
