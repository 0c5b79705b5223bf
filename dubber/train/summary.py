"""summary.json: the facts of a finished run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dubber import provenance
from dubber.model.weights import weights_digest
from dubber.train.loop import Trainer
from dubber.train.run_log import CONFIG, LOSS, RunFolder, read_metrics

ENDS_SHARE = 0.1  # of a log's lines that count as its start, and as its end


def summarise(trainer: Trainer, weights: Mapping[str, Tensor], folder: RunFolder) -> dict[str, Any]:
    """Facts of a run: what it was, how long it took, where its losses began and ended."""
    settings, progress, model = trainer.settings, trainer.progress, trainer.model
    identity = json.loads((folder.path / CONFIG).read_text(encoding="utf-8"))
    return {
        "fingerprint": folder.fingerprint,
        "run_dir": folder.path.as_posix(),
        "weights": weights_digest(weights),
        "steps": progress.step,
        "epochs": round(progress.step / trainer.sampler.batches_per_epoch, 3),
        "batch_size": settings.batch_size,
        "clips": {"train": len(trainer.data.train), "val": len(trainer.validation)},
        "seconds": round(progress.seconds, 1),
        "seed": settings.seed,
        "longest_tokens": settings.max_clip_tokens,
        "code": identity["code"],
        "data": identity["data"],
        "losses": {phase: first_and_last(read_metrics(folder.metrics, phase)) for phase in ("train", "val")},
        "parameters": count_parameters(model),
        **trainer.runtime.describe(),
        "versions": provenance.environment(),
    }


def first_and_last(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Each loss averaged over the first and over the last lines of a log; empty for an empty log."""
    if not records:
        return {}
    count = max(1, round(ENDS_SHARE * len(records)))
    return {"first": _means(records[:count]), "last": _means(records[-count:])}


def _means(records: Sequence[dict[str, Any]]) -> dict[str, float]:
    losses = [{LOSS: record[LOSS], **record["terms"]} for record in records]
    return {name: round(sum(line[name] for line in losses) / len(losses), 6) for name in losses[0]}


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Scalars of each top-level module that has any, of all, and of those that are trained."""
    counts = {name: sum(p.numel() for p in module.parameters()) for name, module in model.named_children()}
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {**{name: n for name, n in counts.items() if n}, "total": sum(counts.values()), "trained": trained}
