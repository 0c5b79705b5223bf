"""The loop of both stages: from a model, its losses and its data to trained weights, whatever happens on the way.

What a run is, is its `Progress`, the weights, the optimiser and the generators; all of it is in every checkpoint. The
learning rate and the order of the clips are functions of the step. So a run that was stopped ends with the same
weights, bit for bit on a CPU, as one that was not.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dubber.errors import DubberError, ResumeError
from dubber.model.batch import Batch
from dubber.train.checkpoint import Checkpoint, Checkpoints
from dubber.train.data import TrainingData
from dubber.train.losses import Losses
from dubber.train.optimiser import learning_rate, load_optimiser, make_optimiser, optimiser_tensors
from dubber.train.randomness import load_random_state, random_scalars, random_tensors, seed_everything
from dubber.train.runlog import LOSS, Display, MetricsLog, RunFolder
from dubber.train.runtime import Runtime
from dubber.train.sampler import LengthBuckets
from dubber.train.settings import StageSettings
from dubber.train.signals import StopRequests

log = logging.getLogger(__name__)

VALIDATION_SEED = 20_000


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        model: its trainable parameters are.
        forward: (batch, generator) -> the model's output; runs in the chosen precision.
        losses: (output, batch) -> `Losses`; runs in float32.
    """

    model: nn.Module
    forward: Callable[[Batch, torch.Generator], Any]
    losses: Callable[[Any, Batch], Losses]


@dataclass
class Interval:
    """Sums since the last line of the log."""

    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, values: Mapping[str, float], tokens: int, seconds: float) -> None:
        self.steps, self.tokens, self.seconds = self.steps + 1, self.tokens + tokens, self.seconds + seconds
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """The mean of each value over the steps."""
        return {name: value / self.steps for name, value in self.sums.items()}


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        step: optimiser steps done.
        seconds: time spent, over all attempts.
        interval: what the next line of the log averages.
    """

    step: int = 0
    seconds: float = 0.0
    interval: Interval = field(default_factory=Interval)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Progress:
        """The inverse of `dataclasses.asdict`."""
        return cls(state["step"], state["seconds"], Interval(**state["interval"]))


class Trainer:
    """Trains a task to its last step, from wherever its checkpoints say.

    Args:
        name: of the run, for the log.
        folder: where its checkpoints and metrics lie.
    """

    def __init__(
        self, name: str, task: Task, data: TrainingData, settings: StageSettings, folder: RunFolder, runtime: Runtime
    ) -> None:
        self.name, self.task, self.data, self.settings, self.runtime = name, task, data, settings, runtime
        self.model = task.model.to(runtime.device)
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimiser = make_optimiser(self.model, settings)
        self.sampler = LengthBuckets(
            data.train.lengths, settings.batch_size, settings.seed, runtime.rank, runtime.world
        )
        self.total = settings.total_steps(self.sampler.batches_per_epoch)
        self.validation = data.val.some(settings.validation_clips, settings.seed)
        self.flow = torch.Generator()
        self.progress = Progress()
        self.folder = folder
        self.checkpoints = Checkpoints(folder.checkpoints, settings.keep_checkpoints)

    def run(self) -> None:
        """Train what is left; nothing if the run is finished.

        Raises:
            Stopped: a signal asked for it; everything is saved.
            DubberError: a loss is not finite, or a checkpoint cannot be written.
        """
        self._begin()
        if self.progress.step == self.total:
            log.info("%s: finished before, at step %d", self.name, self.total)
            return
        if self.progress.step:
            log.info("%s: goes on from step %d of %d", self.name, self.progress.step, self.total)
        self.metrics = MetricsLog(self.folder.metrics, self.progress.step or -1)
        self.display = Display(self.name, self.progress.step, self.total)
        try:
            with StopRequests() as requests:
                if self.progress.step == 0:
                    self._validate()
                while self.progress.step < self.total:
                    self._step()
                    self._after_step(requests)
        finally:
            self.display.close()
            self.metrics.close()

    def _begin(self) -> None:
        """Go on from the newest whole checkpoint, or seed everything."""
        found = self.checkpoints.latest()
        if found is None:
            seed_everything(self.settings.seed)
            self.flow.manual_seed(self.settings.seed)
            return
        self._restore(found)

    def _step(self) -> None:
        """One optimiser step."""
        started = time.monotonic()
        self.model.train()
        batch = self.data.train.batch(self.sampler.batch(self.progress.step)).to(self.runtime.device)
        losses = self._losses(batch, self.flow)
        values = _plain(losses)
        if not math.isfinite(values[LOSS]):
            raise _not_finite(self.progress.step + 1, values, batch)
        self.optimiser.zero_grad(set_to_none=True)
        losses.total.backward()
        norm = float(nn.utils.clip_grad_norm_(self.trained, self.settings.grad_clip))
        if not math.isfinite(norm):
            raise _not_finite(self.progress.step + 1, {"grad_norm": norm, **values}, batch)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.progress.step, self.total)
        self.optimiser.step()
        self.progress.step += 1
        seconds = time.monotonic() - started
        self.progress.seconds += seconds
        self.progress.interval.add({**values, "grad_norm": norm}, int(batch.token_mask.sum()), seconds)

    def _losses(self, batch: Batch, generator: torch.Generator) -> Losses:
        with self.runtime.autocast():
            output = self.task.forward(batch, generator)
        return self.task.losses(output, batch)

    def _after_step(self, requests: StopRequests) -> None:
        """Log, validate, save, and stop where it is asked for."""
        step, settings = self.progress.step, self.settings
        last = step == self.total
        if last or step % settings.log_every == 0:
            self._log()
        if last or step % settings.validate_every == 0:
            self._validate()
        if last or requests.pending or step % settings.checkpoint_every == 0:
            self._save()
        if not last:
            requests.obey(f"{self.name}: stopped at step {step}; the same command goes on from there")

    def _log(self) -> None:
        """One line of the mean losses since the last one."""
        progress, interval = self.progress, self.progress.interval
        means = interval.means()
        record = {
            "step": progress.step,
            "phase": "train",
            LOSS: means.pop(LOSS),
            "grad_norm": means.pop("grad_norm"),
            "terms": means,
            "lr": self.optimiser.param_groups[0]["lr"],
            "tokens_per_s": round(interval.tokens / interval.seconds, 1),
            "seconds_left": round(interval.seconds / interval.steps * (self.total - progress.step), 1),
        }
        progress.interval = Interval()
        self.metrics.write(record)
        self.display.update(record)

    @torch.no_grad()
    def _validate(self) -> None:
        """Mean losses over the validation clips, with the same t and masks every time."""
        if not len(self.validation):
            return
        started = time.monotonic()
        self.model.eval()
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        sums: dict[str, float] = {}
        order = self.validation.lengths.argsort(kind="stable")
        for start in range(0, len(order), self.settings.batch_size):
            batch = self.validation.batch(order[start : start + self.settings.batch_size]).to(self.runtime.device)
            for name, value in _plain(self._losses(batch, generator)).items():
                sums[name] = sums.get(name, 0.0) + value * len(batch.clips)
        means = {name: value / len(order) for name, value in sums.items()}
        self.metrics.write({"step": self.progress.step, "phase": "val", LOSS: means.pop(LOSS), "terms": means})
        self.progress.seconds += time.monotonic() - started

    def _save(self) -> None:
        """A checkpoint; the metrics first, so that they never lack a line that it has passed."""
        self.metrics.sync()
        tensors = {
            "model": self.model.state_dict(),
            "optimiser": optimiser_tensors(self.optimiser, self.model),
            "random": random_tensors(self.flow, self.runtime.device),
        }
        state = {
            "progress": asdict(self.progress),
            "position": asdict(self.sampler.position(self.progress.step)),
            "random": random_scalars(),
        }
        self.checkpoints.save(self.progress.step, tensors, state)

    def _restore(self, found: Checkpoint) -> None:
        self.progress = Progress.from_state(found.state["progress"])
        if asdict(self.sampler.position(self.progress.step)) != found.state["position"]:
            raise ResumeError(
                "A checkpoint belongs to other data or batches than this run's.",
                looked_at=found.path,
                hint="Remove its run directory and run the same command again.",
            )
        self.model.load_state_dict(found.tensors("model"))
        load_optimiser(self.optimiser, self.model, found.tensors("optimiser"))
        load_random_state(found.tensors("random"), found.state["random"], self.flow, self.runtime.device)


def _plain(losses: Losses) -> dict[str, float]:
    """All losses as numbers, moved off the device at once."""
    names = [LOSS, *losses.terms]
    values: list[Tensor] = [losses.total, *losses.terms.values()]
    return dict(zip(names, torch.stack([value.detach().float() for value in values]).tolist(), strict=True))


def _not_finite(step: int, values: Mapping[str, float], batch: Batch) -> DubberError:
    terms = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    return DubberError(
        f"Training is not finite at step {step}: {terms}. The weights have not been changed by it.",
        looked_at=f"clips {', '.join(batch.clips)}",
        hint="Look at these clips; lower lr or grad_clip; with precision bf16, try float32.",
    )
