"""The loop of both stages: from a model, its losses and its data to trained weights, whatever interrupts it.

A run's state is its progress, weights, optimiser and random generators; every checkpoint stores all four. The learning
rate and the order of the clips are functions of the step. So a run that was stopped ends with the same weights, bit for
bit on a CPU, as one that was not.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dubber.errors import ConfigError, DubberError, ResumeError
from dubber.flow.path import Source
from dubber.model.batch import Batch
from dubber.train.batches import TrainingData
from dubber.train.checkpoint import Checkpoint, Checkpoints
from dubber.train.distributed import shard_like, whole_tensor
from dubber.train.losses import Losses
from dubber.train.optimiser import learning_rate, load_optimiser, make_optimiser, optimiser_tensors
from dubber.train.randomness import load_random_state, random_scalars, random_tensors, seed_everything
from dubber.train.run_log import LOSS, NoRecords, Records, RunFolder
from dubber.train.runtime import Runtime
from dubber.train.sampler import LengthBuckets
from dubber.train.settings import ExecutionSettings, TrainSettings
from dubber.train.signals import Stopped, StopRequests

log = logging.getLogger(__name__)

VALIDATION_SEED = 20_000


@dataclass(frozen=True)
class Task:
    """A model with its forward pass and its losses.

    Attributes:
        model: its trainable parameters are trained.
        forward: (batch, generator) -> the model's output; runs in the chosen precision.
        losses: (output, batch) -> `Losses`; runs in float32.
    """

    model: nn.Module
    forward: Callable[[Batch, Source], Any]
    losses: Callable[[Any, Any], Losses]


class Enclosed(nn.Module):
    """The model and its whole computation as one module, which engines for several processes can wrap."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, compute: Callable[[], Tensor]) -> Tensor:
        """The value of `compute`, a scalar loss."""
        return compute()


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
    """The progress of a run.

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
        settings, execution: the settings that change the weights, and those that do not.
        folder: of its checkpoints and metrics; its name is the run's in the log.
    """

    def __init__(
        self,
        task: Task,
        data: TrainingData,
        settings: TrainSettings,
        execution: ExecutionSettings,
        folder: RunFolder,
        runtime: Runtime,
    ) -> None:
        self.name, self.folder = folder.path.parent.name, folder
        self.task, self.data, self.runtime, self.settings, self.execution = task, data, runtime, settings, execution
        self.model = task.model
        self.enclosed = runtime.wrap(Enclosed(task.model))
        self.trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimiser = make_optimiser(self.model, settings)
        self.sampler = LengthBuckets(data.train.lengths, settings.batch_size, settings.seed)
        _enough_for_each(self.sampler, runtime)
        self.total = settings.total_steps(self.sampler.batches_per_epoch)
        self.validation = data.val.some(settings.validation_clips, settings.seed)
        self.flow = torch.Generator()
        self.progress = Progress()
        self.checkpoints = Checkpoints(folder.checkpoints, execution.keep_checkpoints)

    def run(self) -> None:
        """Train the remaining steps; none if the run is finished.

        Raises:
            Stopped: a signal asked for it; everything is saved.
            DubberError: a loss is not finite, or a checkpoint cannot be written.
        """
        self._begin()
        if self.progress.step == self.total:
            log.info("%s: finished before, at step %d", self.name, self.total)
            return
        if self.progress.step:
            log.info("%s: resumes from step %d of %d", self.name, self.progress.step, self.total)
        written = self.runtime.place.main
        self.records = Records(self.name, self.folder, self.progress.step, self.total) if written else NoRecords()
        try:
            with StopRequests() as requests:
                if self.progress.step == 0:
                    self._validate()
                while self.progress.step < self.total:
                    self._step()
                    self._after_step(requests)
        finally:
            self.records.close()

    def _begin(self) -> None:
        """Resume from the newest whole checkpoint, or seed everything."""
        found = self.checkpoints.latest()
        steps = self.runtime.gather(found.step if found else 0)
        if len(set(steps)) > 1:
            raise ResumeError(
                f"The processes do not see the same checkpoints: their newest are of the steps {steps}.",
                looked_at=self.folder.checkpoints,
                hint="Put the run directory on a disk that all machines share.",
            )
        seed_everything(self.settings.seed, *self._own(0))
        self.flow.manual_seed(self.settings.seed)
        if found is not None:
            self._restore(found)

    def _own(self, step: int) -> tuple[int, ...]:
        """Further seeds: dropout differs between processes, and after a step from that after the start."""
        return (self.runtime.place.rank, step) if self.runtime.place.rank or step else ()

    def _step(self) -> None:
        """One optimiser step."""
        started = time.monotonic()
        self.model.train()
        whole = self.data.train.batch(self.sampler.batch(self.progress.step))
        losses = self._losses(whole, self.flow)
        values = self._plain(losses)
        if not math.isfinite(values[LOSS]):
            raise _not_finite(self.progress.step + 1, values, whole)
        self.optimiser.zero_grad(set_to_none=True)
        self.runtime.backward(losses[LOSS])
        norm = float(whole_tensor(nn.utils.clip_grad_norm_(self.trained, self.settings.grad_clip)))
        if not math.isfinite(norm):
            raise _not_finite(self.progress.step + 1, {"grad_norm": norm, **values}, whole)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.progress.step, self.total)
        self.optimiser.step()
        self.progress.step += 1
        seconds = time.monotonic() - started
        self.progress.seconds += seconds
        self.progress.interval.add({**values, "grad_norm": norm}, int(whole.token_mask.sum()), seconds)

    def _losses(self, whole: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """The loss and its terms, on this process's share of a batch."""
        place, count, terms = self.runtime.place, len(whole.clips), {}
        apart = place.world > 1 and count >= place.world  # each process computes the whole of a batch that is smaller
        batch = (whole.share(place.rank, place.world) if apart else whole).to(self.runtime.device)
        source = self.runtime.rows(generator, count) if apart else generator

        def compute() -> Tensor:
            with self.runtime.autocast():
                output = self.task.forward(batch, source)
            losses = self.runtime.shared(self.task.losses(output, batch))
            terms.update(losses.terms)
            return losses.total

        return {LOSS: self.enclosed(compute), **terms}

    def _plain(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """All losses of the whole batch as numbers, moved off the device at once."""
        values = self.runtime.average(torch.stack([value.detach().float() for value in losses.values()]))
        return dict(zip(losses, values.tolist(), strict=True))

    def _after_step(self, requests: StopRequests) -> None:
        """Log, validate, save and stop when it is time to."""
        step, execution = self.progress.step, self.execution
        last, stop = step == self.total, self.runtime.any(requests.pending)
        if last or step % execution.log_every == 0:
            self._log()
        if last or step % execution.validate_every == 0:
            self._validate()
        if last or stop or step % execution.checkpoint_every == 0:
            self._save()
        if stop and not last:
            raise Stopped(f"{self.name}: stopped at step {step}; the same command resumes from there")

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
        self.records.train(record)

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
            batch = self.validation.batch(order[start : start + self.settings.batch_size])
            for name, value in self._plain(self._losses(batch, generator)).items():
                sums[name] = sums.get(name, 0.0) + value * len(batch.clips)
        means = {name: value / len(order) for name, value in sums.items()}
        self.records.write({"step": self.progress.step, "phase": "val", LOSS: means.pop(LOSS), "terms": means})
        self.progress.seconds += time.monotonic() - started

    def _save(self) -> None:
        """Save a checkpoint; the metrics come first, so that they never lack a line that the checkpoint has passed."""
        self.records.sync()
        random = self.runtime.gather((random_tensors(self.flow, self.runtime.device), random_scalars()))
        tensors = {
            "model": self.weights(),
            "optimiser": optimiser_tensors(self.optimiser, self.model),
            "random": {
                f"{rank}/{name}": value for rank, (found, _) in enumerate(random) for name, value in found.items()
            },
        }
        state = {
            "progress": asdict(self.progress),
            "position": asdict(self.sampler.position(self.progress.step)),
            "random": [scalars for _, scalars in random],
        }
        if self.runtime.place.main:
            self.checkpoints.save(self.progress.step, tensors, state)

    def weights(self) -> dict[str, Tensor]:
        """The model's whole weights; every process must call this at once."""
        return {name: whole_tensor(value) for name, value in self.model.state_dict().items()}

    def _restore(self, found: Checkpoint) -> None:
        self.progress = Progress.from_state(found.state["progress"])
        if asdict(self.sampler.position(self.progress.step)) != found.state["position"]:
            raise ResumeError(
                "A checkpoint belongs to other data or batches than this run's.",
                looked_at=found.path,
                hint="Remove its run directory and run the same command again.",
            )
        model = self.model.state_dict()
        self.model.load_state_dict({n: shard_like(value, model[n]) for n, value in found.tensors("model").items()})
        load_optimiser(self.optimiser, self.model, found.tensors("optimiser"))
        self._restore_random(found.tensors("random"), found.state["random"])

    def _restore_random(self, tensors: Mapping[str, Tensor], scalars: Sequence[Mapping[str, Any]]) -> None:
        """Restore each process's generators; with another number of processes, only the flow's."""
        rank, world = self.runtime.place.rank, self.runtime.place.world
        stored = rank if len(scalars) == world else 0
        own = {name.split("/")[1]: value for name, value in tensors.items() if name.startswith(f"{stored}/")}
        load_random_state(own, scalars[stored], self.flow, self.runtime.device)
        if len(scalars) != world:
            log.warning(
                "%s: was trained by %d processes and resumes with %d: other dropout, and sums in another order",
                *(self.name, len(scalars), world),
            )
            seed_everything(self.settings.seed, *self._own(self.progress.step))


def _enough_for_each(sampler: LengthBuckets, runtime: Runtime) -> None:
    if sampler.smallest < runtime.place.world:
        raise ConfigError(
            f"{runtime.place.world} processes cannot share batches of {sampler.smallest} clips.",
            looked_at=f"batch_size: {sampler.batch_size}, {len(sampler.lengths)} clips",
            hint="Train with fewer processes (`processes`), or with larger batches.",
        )


def _not_finite(step: int, values: Mapping[str, float], batch: Batch) -> DubberError:
    terms = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    return DubberError(
        f"Training is not finite at step {step}: {terms}. The weights have not been changed by it.",
        looked_at=f"clips {', '.join(batch.clips)}",
        hint="Look at these clips; lower lr or grad_clip; with precision bf16, try float32.",
    )
