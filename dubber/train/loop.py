"""The training loop of both stages: steps, checkpoints, validation; the same run whether or not it was stopped.

What a run remembers is listed once, in `Trainer._checkpoint` and `Trainer._restore`.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dubber.errors import DubberError
from dubber.model.batch import Batch
from dubber.train.checkpoint import (
    Checkpoint,
    last_checkpoint,
    optimiser_tensors,
    restore_optimiser,
    save_checkpoint,
)
from dubber.train.data import TrainingClip, collate
from dubber.train.losses import Losses
from dubber.train.runlog import RunLog
from dubber.train.runtime import Runtime
from dubber.train.sampler import LengthBuckets
from dubber.train.settings import StageSettings

log = logging.getLogger(__name__)

STOPPED = 75  # exit code of a run that was asked to stop and can go on (EX_TEMPFAIL)
VALIDATION_SEED = 1

Compute = Callable[[Batch, torch.Generator], Losses]
"""A batch and the flow's generator -> losses, with gradient."""


class Stopped(SystemExit):
    """The run was asked to stop (SIGTERM, SIGUSR1); its checkpoint is written."""


@dataclass(frozen=True)
class TrainingData:
    """Training and validation clips, and the codec's [PAD]."""

    train: Sequence[TrainingClip]
    val: Sequence[TrainingClip]
    pad: int


class Trainer:
    """Trains one model in one run directory.

    Args:
        model: parameters with `requires_grad` are trained.
        compute: the losses of a batch.
        settings: optimisation.
        data: clips.
        runtime: device and number format.
        folder: the run directory; checkpoints and metrics.jsonl live in it.
        name: for the progress line.
    """

    def __init__(
        self,
        model: nn.Module,
        compute: Compute,
        settings: StageSettings,
        data: TrainingData,
        runtime: Runtime,
        folder: Path,
        name: str,
    ) -> None:
        self.model, self.compute, self.settings, self.data = model, compute, settings, data
        self.runtime, self.folder, self.name = runtime, folder, name
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.trained, lr=settings.lr, betas=settings.betas, weight_decay=settings.weight_decay, fused=True
        )
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.buckets = LengthBuckets([clip.length for clip in data.train], settings.batch_size, settings.seed)
        self.total = settings.steps or settings.epochs * len(self.buckets)
        self.step, self.seconds = 0, 0.0
        self._stop_asked = False
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def train(self) -> None:
        """Go on from the last whole checkpoint until the last step.

        Raises:
            Stopped: a signal asked to stop; the checkpoint of this step is written.
            DubberError: the loss is not finite, or a checkpoint cannot be written.
        """
        self._restore()
        if self.step >= self.total:
            log.info("%s: trained already, %d steps", self.name, self.step)
            return
        self._listen()
        self.run_log = RunLog(self.folder / "metrics.jsonl", self.name, self.step, self.total)
        began = time.monotonic() - self.seconds
        try:
            if self.step == 0:
                self._validate()
            while self.step < self.total:
                self._advance()
                self.seconds = time.monotonic() - began
                self._keep_records()
        finally:
            self.run_log.close()

    def _advance(self) -> None:
        """One optimiser step."""
        settings, started = self.settings, time.monotonic()
        self.model.train()
        clips = [self.data.train[i] for i in self._batch()]
        batch = collate(clips, self.data.pad).to(self.runtime.device)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(settings, self.step, self.total)
        with self.runtime.autocast():
            losses = self.compute(batch, self.generator)
        if not torch.isfinite(losses.total):
            raise DubberError(
                f"The loss is not finite at step {self.step + 1}: {_plain(losses.terms)}.",
                looked_at=f"the clips {', '.join(batch.clips)}",
                hint="The weights have not moved. Lower the learning rate, or look at these clips.",
            )
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, settings.grad_clip)
        self.optimiser.step()
        self.step += 1
        self.run_log.progress(self.step, float(losses.total.detach()))
        if self.step % settings.log_every == 0 or self.step == self.total:
            tokens = int(batch.token_mask.sum())
            self.run_log.write(
                self.step,
                "train",
                loss=float(losses.total.detach()),
                terms=_plain(losses.terms),
                lr=self.optimiser.param_groups[0]["lr"],
                grad_norm=float(norm),
                tokens_per_second=tokens / (time.monotonic() - started),
                seconds_left=self.run_log.seconds_left(self.step),
            )

    def _batch(self) -> list[int]:
        number, position = divmod(self.step, len(self.buckets))
        if self._epoch[0] != number:
            self._epoch = (number, self.buckets.epoch(number))
        return self._epoch[1][position]

    def _keep_records(self) -> None:
        """Validation and checkpoint when they are due, and the answer to a signal."""
        last = self.step == self.total
        if last or self.step % self.settings.validate_every == 0:
            self._validate()
        if last or self._stop_asked or self.step % self.settings.checkpoint_every == 0:
            save_checkpoint(self.folder / "checkpoints", self._checkpoint(), self.settings.keep_checkpoints)
        if self._stop_asked and not last:
            log.warning("%s: asked to stop at step %d; run the same command to go on", self.name, self.step)
            raise Stopped(STOPPED)

    @torch.no_grad()
    def _validate(self) -> None:
        """Mean losses over the validation clips, always with the same t and masks."""
        if not self.data.val:
            return
        self.model.eval()
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        totals: dict[str, float] = {}
        clips = sorted(self.data.val, key=lambda clip: (clip.length, clip.clip))
        for start in range(0, len(clips), self.settings.batch_size):
            chosen = clips[start : start + self.settings.batch_size]
            batch = collate(chosen, self.data.pad).to(self.runtime.device)
            with self.runtime.autocast():
                losses = self.compute(batch, generator)
            for name, value in {"loss": losses.total, **losses.terms}.items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(chosen) / len(clips)
        self.run_log.write(self.step, "val", loss=totals.pop("loss"), terms=totals)

    def _listen(self) -> None:
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self._stop_asked = True

    def _checkpoint(self) -> Checkpoint:
        random = {"torch": torch.get_rng_state(), "flow": self.generator.get_state()}
        if self.runtime.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self.runtime.device)
        tensors = {"model": self.model.state_dict(), "optimiser": optimiser_tensors(self.optimiser), "random": random}
        return Checkpoint(self.step, tensors, {"seconds": self.seconds})

    def _restore(self) -> None:
        found = last_checkpoint(self.folder / "checkpoints")
        if found is None:
            torch.manual_seed(self.settings.seed)
            return
        self.model.load_state_dict(found.tensors["model"])
        restore_optimiser(self.optimiser, found.tensors["optimiser"])
        torch.set_rng_state(found.tensors["random"]["torch"])
        self.generator.set_state(found.tensors["random"]["flow"])
        if self.runtime.device.type == "cuda" and "cuda" in found.tensors["random"]:
            torch.cuda.set_rng_state(found.tensors["random"]["cuda"], self.runtime.device)
        self.step, self.seconds = found.step, found.state["seconds"]
        log.info("%s: goes on from step %d of %d", self.name, self.step, self.total)


def learning_rate(settings: StageSettings, step: int, total: int) -> float:
    """Linear warm-up to `lr`, then a cosine to 0 or a constant; `step` counts from 0."""
    warmup = settings.warmup_share * total
    if step < warmup:
        return settings.lr * (step + 1) / (warmup + 1)
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def _plain(terms: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(value.detach()) for name, value in terms.items()}
