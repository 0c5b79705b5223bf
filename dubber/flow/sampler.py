"""From [MASK] to data in N evaluations of the denoiser.

Letters: B batch, K classes, N evaluations (NFE). A sampler knows nothing of speech: it calls `denoise(x_t, t)`, which
returns the logits of p_{1|t}, and moves the positions that were [MASK] at the start; all others stay as they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dubber.errors import ConfigError
from dubber.flow.path import SCHEDULERS, MixturePath, per_row, uniform
from dubber.settings import unknown_key

LAST_TIME = 1 - 1e-4  # eq. 8 has a pole at t = 1

Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x_t int64 [B, ...], t [B]) -> logits [B, ..., K] of p_{1|t}(. | x_t)."""


@dataclass(frozen=True)
class Step:
    """One move of a sampler.

    Attributes:
        index: 0 .. N-1.
        t: the time at which the denoiser is asked.
        h: the time that passes until the next evaluation.
        last: whether this is the last evaluation.
    """

    index: int
    t: Tensor
    h: Tensor
    last: bool


@dataclass(frozen=True)
class Sampler(ABC):
    """What all samplers share.

    Attributes:
        nfe: N, how often the denoiser is evaluated.
        scheduler: name of kappa_t; the one that the denoiser was trained with.
        temperature: divides the logits; below 1 sharpens p_{1|t}.
    """

    nfe: int
    scheduler: str = "quadratic"
    temperature: float = 1.0

    @torch.no_grad()
    def sample(
        self,
        denoise: Denoise,
        start: Tensor,
        *,
        mask_id: int,
        forbidden: Sequence[int] = (),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw x_1.

        Args:
            denoise: the logits of p_{1|t}.
            start: int64 [B, ...]: [MASK] where a value is wanted; anything else (padding, for one) is kept.
            mask_id: the id of [MASK].
            forbidden: ids that must never be drawn, such as [PAD]; [MASK] is always one of them.

        Returns:
            int64 [B, ...] without [MASK].
        """
        path = MixturePath(SCHEDULERS[self.scheduler], mask_id)
        wanted = start == mask_id
        banned = [*{mask_id, *forbidden}]
        times = self.times(path).to(start.device)
        x_t = start
        for index in range(self.nfe):
            step = Step(index, times[index], times[index + 1] - times[index], last=index == self.nfe - 1)
            logits = denoise(x_t, step.t.float().expand(len(x_t)))
            posterior = self.posterior(logits, banned)
            x_t = torch.where(wanted, self.move(path, step, x_t, posterior, generator), start)
        return x_t

    def posterior(self, logits: Tensor, banned: Sequence[int]) -> Tensor:
        """p_{1|t} float32 [B, ..., K] at the sampler's temperature, zero at `banned` ids."""
        logits = logits.float() / self.temperature
        logits[..., [i for i in banned if i < logits.shape[-1]]] = -torch.inf
        return logits.softmax(-1)

    @abstractmethod
    def times(self, path: MixturePath) -> Tensor:
        """The N + 1 times, float64, of which the first N are evaluated."""

    @abstractmethod
    def move(
        self, path: MixturePath, step: Step, x_t: Tensor, posterior: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """x_t at the next time."""


@dataclass(frozen=True)
class Euler(Sampler):
    """The paper's: Euler steps of eq. 8 at uniform times.

    A draw from p_{1|t} replaces *any* position, masked or not, with probability 1 - exp(-h kappa'/(1 - kappa)); the
    last evaluation's draw replaces all of them. With kappa = t^2 the first step's rate is 0, so NFE 2 does no more
    than NFE 1.
    """

    def times(self, path: MixturePath) -> Tensor:
        return torch.linspace(0, LAST_TIME, self.nfe + 1, dtype=torch.float64)

    def move(
        self, path: MixturePath, step: Step, x_t: Tensor, posterior: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        x_1 = draw(posterior, generator)
        if step.last:
            return x_1
        probability = 1 - torch.exp(-step.h * path.rate(step.t))
        jump = uniform(tuple(x_t.shape), x_t.device, generator) < probability
        return torch.where(jump, x_1, x_t)


@dataclass(frozen=True)
class Exact(Sampler):
    """The path's own transition: a masked position is unmasked with probability (kappa_{t+h} - kappa_t)/(1 - kappa_t).

    What has been unmasked stays. The times are uniform in kappa, so every evaluation unmasks the same expected share.
    """

    def times(self, path: MixturePath) -> Tensor:
        return path.scheduler.time(torch.linspace(0, 1, self.nfe + 1, dtype=torch.float64))

    def move(
        self, path: MixturePath, step: Step, x_t: Tensor, posterior: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        x_1 = draw(posterior, generator)
        masked = x_t == path.mask_id
        if step.last:
            return torch.where(masked, x_1, x_t)
        kappa = path.scheduler.kappa
        probability = (kappa(step.t + step.h) - kappa(step.t)) / (1 - kappa(step.t))
        unmask = uniform(tuple(x_t.shape), x_t.device, generator) < probability
        return torch.where(masked & unmask, x_1, x_t)


@dataclass(frozen=True)
class Confident(Exact):
    """As `Exact`, but the number to unmask is fixed and the positions most sure of their draw come first.

    Attributes:
        noise: scale of the Gumbel noise on the log probabilities by which positions are ordered; it falls to 0 with
            the share that is still masked, and keeps the order from following the mode from the first step on.
    """

    noise: float = 4.5

    def move(
        self, path: MixturePath, step: Step, x_t: Tensor, posterior: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        x_1 = draw(posterior, generator)
        masked = x_t == path.mask_id
        if step.last:
            return torch.where(masked, x_1, x_t)
        left = 1 - path.scheduler.kappa(step.t)
        sure = posterior.gather(-1, x_1.unsqueeze(-1)).squeeze(-1).log()
        u = uniform(tuple(x_t.shape), x_t.device, generator).double().clamp(min=1e-12)
        order = (sure - self.noise * left * torch.log(-torch.log(u))).masked_fill(~masked, -torch.inf)
        rank = order.flatten(1).argsort(-1, descending=True).argsort(-1).reshape(x_t.shape)
        count = (masked.flatten(1).sum(-1) / (self.nfe - step.index)).ceil()
        chosen = rank < per_row(count, x_t)
        return torch.where(masked & chosen, x_1, x_t)


SAMPLERS: dict[str, type[Sampler]] = {"euler": Euler, "exact": Exact, "confident": Confident}


def make_sampler(name: str, nfe: int, scheduler: str = "quadratic", temperature: float = 1.0) -> Sampler:
    """The sampler called `name`.

    Raises:
        ConfigError: there is no such sampler or scheduler, or `nfe` < 1, or `temperature` <= 0.
    """
    for value, known, what in ((name, SAMPLERS, "sampler"), (scheduler, SCHEDULERS, "scheduler")):
        if value not in known:
            raise ConfigError(f"There is no such {what}: {unknown_key(value, list(known))}")
    if nfe < 1 or temperature <= 0:
        raise ConfigError(
            "A sampler needs at least one evaluation and a temperature above 0.",
            looked_at=f"nfe = {nfe}, temperature = {temperature}",
            hint="Set nfe >= 1 and temperature > 0.",
        )
    return SAMPLERS[name](nfe=nfe, scheduler=scheduler, temperature=temperature)


def draw(probabilities: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """One categorical draw per row by the inverse of the cumulative distribution.

    Args:
        probabilities: float32 or float64 [..., K].

    Returns:
        int64 [...]; an id of probability 0 is never drawn.
    """
    cumulative = probabilities.cumsum(-1)
    shape = (*probabilities.shape[:-1], 1)
    u = uniform(shape, probabilities.device, generator).to(cumulative.dtype) * cumulative[..., -1:]
    return torch.searchsorted(cumulative, u, right=True).squeeze(-1)
