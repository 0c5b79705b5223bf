"""From [MASK] to data in N evaluations of the denoiser.

Shapes: B batch, K classes, M positions that are asked for, N evaluations (NFE). A sampler knows nothing of speech: it
asks for p_{1|t} where it may move, and moves the positions that were [MASK] at the start; all others stay as they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from dubber.errors import ConfigError
from dubber.flow.path import SCHEDULERS, MixturePath, per_row, uniform
from dubber.settings import unknown_key

LAST_TIME = 1 - 1e-4  # eq. 8 has a pole at t = 1


class Denoise(Protocol):
    """The logits of p_{1|t}, made only where they are needed."""

    def __call__(self, x_t: Tensor, t: Tensor, wanted: Tensor) -> Tensor:
        """x_t int64 [B, ...], t [B], wanted bool [B, ...] with M True positions -> [M, K], in the order of `wanted`."""
        ...


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
class Drawn:
    """x_t after a draw.

    Attributes:
        x: int64 [B, ...], x_1 ~ p_{1|t} where it was wanted, x_t elsewhere.
        sure: float32 [B, ...], log p_{1|t} of what was drawn, -inf elsewhere.
    """

    x: Tensor
    sure: Tensor


@dataclass(frozen=True)
class Walk:
    """What stays the same from x_0 to x_1.

    Attributes:
        path: kappa_t and [MASK].
        free: bool [B, ...], the positions that may move.
        denoise: p_{1|t}.
        banned: ids that are never drawn.
        temperature: divides the logits.
        generator: makes every draw, always for all positions: what is asked for does not change the draws.
    """

    path: MixturePath
    free: Tensor
    denoise: Denoise
    banned: Sequence[int]
    temperature: float
    generator: torch.Generator | None

    def masked(self, x_t: Tensor) -> Tensor:
        """bool [B, ...]: what is still to be drawn."""
        return self.free & (x_t == self.path.mask_id)

    def uniform(self) -> Tensor:
        """float32 [B, ...] in [0, 1)."""
        return uniform(tuple(self.free.shape), self.free.device, self.generator)

    def happens(self, probability: Tensor) -> Tensor:
        """bool [B, ...], each position on its own."""
        return self.uniform() < probability

    def draw(self, x_t: Tensor, t: Tensor, wanted: Tensor) -> Drawn:
        """Ask the denoiser once, and draw x_1 ~ p_{1|t}(. | x_t) where it is wanted.

        Args:
            x_t: int64 [B, ...].
            t: the time, a scalar.
            wanted: bool [B, ...], the positions that are drawn.
        """
        u = self.uniform()[wanted]
        logits = self.denoise(x_t, t.float().expand(len(x_t)), wanted).float() / self.temperature
        logits[:, [i for i in self.banned if i < logits.shape[-1]]] = -torch.inf
        p = logits.softmax(-1)
        x_1 = draw(p, u)
        x, sure = x_t.clone(), torch.full(x_t.shape, -torch.inf, device=x_t.device)
        x[wanted] = x_1
        sure[wanted] = p.gather(-1, x_1.unsqueeze(-1)).squeeze(-1).log()
        return Drawn(x, sure)


@dataclass(frozen=True)
class Sampler(ABC):
    """What all samplers share.

    Attributes:
        nfe: N, how often the denoiser is evaluated.
        scheduler: name of kappa_t; the one that the denoiser was trained with.
        temperature: divides the logits; below 1 sharpens p_{1|t}.
        on_evaluation: called after each evaluation, to show progress.
    """

    nfe: int
    scheduler: str = "quadratic"
    temperature: float = 1.0
    on_evaluation: Callable[[], None] | None = field(default=None, kw_only=True, compare=False)

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
        walk = Walk(path, start == mask_id, denoise, [*{mask_id, *forbidden}], self.temperature, generator)
        times = self.times(path).to(start.device)
        x_t = start
        for index in range(self.nfe):
            step = Step(index, times[index], times[index + 1] - times[index], last=index == self.nfe - 1)
            x_t = self.move(walk, step, x_t)
            if self.on_evaluation is not None:
                self.on_evaluation()
        return x_t

    @abstractmethod
    def times(self, path: MixturePath) -> Tensor:
        """The times, float64 [N + 1], of which the first N are evaluated."""

    @abstractmethod
    def move(self, walk: Walk, step: Step, x_t: Tensor) -> Tensor:
        """x_t int64 [B, ...] -> the same at the next time."""


@dataclass(frozen=True)
class Euler(Sampler):
    """The paper's: Euler steps of eq. 8 at uniform times.

    A draw from p_{1|t} replaces *any* position, masked or not, with probability 1 - exp(-h kappa'/(1 - kappa)); the
    last evaluation's draw replaces all of them. With kappa = t^2 the first step's rate is 0, so NFE 2 does no more
    than NFE 1.
    """

    def times(self, path: MixturePath) -> Tensor:
        return torch.linspace(0, LAST_TIME, self.nfe + 1, dtype=torch.float64)

    def move(self, walk: Walk, step: Step, x_t: Tensor) -> Tensor:
        probability = 1 - torch.exp(-step.h * walk.path.rate(step.t))
        jump = walk.free if step.last else walk.free & walk.happens(probability)
        return walk.draw(x_t, step.t, jump).x


@dataclass(frozen=True)
class Exact(Sampler):
    """The path's own transition: a masked position is unmasked with probability (kappa_{t+h} - kappa_t)/(1 - kappa_t).

    What has been unmasked stays. The times are uniform in kappa, so every evaluation unmasks the same expected share.
    """

    def times(self, path: MixturePath) -> Tensor:
        return path.scheduler.time(torch.linspace(0, 1, self.nfe + 1, dtype=torch.float64))

    def move(self, walk: Walk, step: Step, x_t: Tensor) -> Tensor:
        kappa = walk.path.scheduler.kappa
        probability = (kappa(step.t + step.h) - kappa(step.t)) / (1 - kappa(step.t))
        masked = walk.masked(x_t)
        return walk.draw(x_t, step.t, masked if step.last else masked & walk.happens(probability)).x


@dataclass(frozen=True)
class Corrector(Exact):
    """As `Exact`, but each evaluation first takes back some of what was drawn, and draws it again knowing more.

    An unmasked position is masked again with probability

        rho = 1 - kappa_s / kappa_t,    kappa_s = max(0, kappa_t - churn (kappa_{t+h} - kappa_t)),

    which leaves kappa_t (1 - rho) = kappa_s of them: the path's marginal at the earlier time s. From there `Exact`
    steps to t + h, so that at every time of the grid a position is [MASK] with the path's probability 1 - kappa_t.

    Attributes:
        churn: how much is taken back, as a multiple of what a step adds; 0 is `Exact`.
    """

    churn: float = 1.0

    def move(self, walk: Walk, step: Step, x_t: Tensor) -> Tensor:
        scheduler, after = walk.path.scheduler, step.t + step.h
        now = scheduler.kappa(step.t)
        earlier = (now - self.churn * (scheduler.kappa(after) - now)).clamp(min=0)
        back = walk.free & walk.happens(1 - earlier / now.clamp(min=1e-12))
        s = scheduler.time(earlier)
        return super().move(walk, replace(step, t=s, h=after - s), x_t.masked_fill(back, walk.path.mask_id))


@dataclass(frozen=True)
class Confident(Exact):
    """As `Exact`, but the number to unmask is fixed and the positions most sure of their draw come first.

    Attributes:
        noise: scale of the Gumbel noise on the log probabilities by which positions are ordered; it falls to 0 with
            the share that is still masked, and keeps the order from following the mode from the first step on.
    """

    noise: float = 4.5

    def move(self, walk: Walk, step: Step, x_t: Tensor) -> Tensor:
        masked = walk.masked(x_t)
        drawn = walk.draw(x_t, step.t, masked)
        left = 1 - walk.path.scheduler.kappa(step.t)
        u = walk.uniform().double().clamp(min=1e-12)
        order = (drawn.sure - self.noise * left * torch.log(-torch.log(u))).masked_fill(~masked, -torch.inf)
        rank = order.flatten(1).argsort(-1, descending=True).argsort(-1).reshape(x_t.shape)
        count = (masked.flatten(1).sum(-1) / (self.nfe - step.index)).ceil()
        return torch.where(masked & (rank < per_row(count, x_t)), drawn.x, x_t)


SAMPLERS: dict[str, type[Sampler]] = {"euler": Euler, "exact": Exact, "corrector": Corrector, "confident": Confident}


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


def draw(probabilities: Tensor, u: Tensor) -> Tensor:
    """One categorical draw per row by the inverse of the cumulative distribution.

    Args:
        probabilities: float32 or float64 [..., K].
        u: [...], uniform in [0, 1).

    Returns:
        int64 [...]; an id of probability 0 is never drawn.
    """
    cumulative = probabilities.cumsum(-1)
    height = u.unsqueeze(-1).to(cumulative.dtype) * cumulative[..., -1:]
    return torch.searchsorted(cumulative, height, right=True).squeeze(-1)
