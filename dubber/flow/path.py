"""Discrete flow matching: the probability path from [MASK] to the data, and its velocity.

Every position of x_0 is [MASK]. At time t a position holds its value of x_1 with probability kappa_t and is still
[MASK] with probability 1 - kappa_t, independently of the others:

    p_t(x | x_1) = kappa_t delta_{x_1}(x) + (1 - kappa_t) delta_[MASK](x).

Shapes: B batch, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Scheduler(Protocol):
    """kappa_t: grows from kappa_0 = 0 to kappa_1 = 1."""

    def kappa(self, t: Tensor) -> Tensor:
        """kappa_t, the probability that a position is unmasked at time t; t [...] -> [...]."""
        ...

    def kappa_dot(self, t: Tensor) -> Tensor:
        """The derivative of kappa_t; t [...] -> [...]."""
        ...

    def time(self, kappa: Tensor) -> Tensor:
        """The inverse: the t at which kappa_t = kappa; kappa [...] -> [...]."""
        ...


@dataclass(frozen=True)
class Polynomial(Scheduler):
    """kappa_t = t^n."""

    exponent: float

    def kappa(self, t: Tensor) -> Tensor:
        return t**self.exponent

    def kappa_dot(self, t: Tensor) -> Tensor:
        return self.exponent * t ** (self.exponent - 1)

    def time(self, kappa: Tensor) -> Tensor:
        return kappa ** (1 / self.exponent)


@dataclass(frozen=True)
class Cosine(Scheduler):
    """kappa_t = 1 - cos(pi t / 2), MaskGIT's schedule."""

    def kappa(self, t: Tensor) -> Tensor:
        return 1 - torch.cos(math.pi / 2 * t)

    def kappa_dot(self, t: Tensor) -> Tensor:
        return math.pi / 2 * torch.sin(math.pi / 2 * t)

    def time(self, kappa: Tensor) -> Tensor:
        return torch.acos(1 - kappa) * 2 / math.pi


SCHEDULERS: dict[str, Scheduler] = {
    "linear": Polynomial(1.0),
    "quadratic": Polynomial(2.0),
    "cosine": Cosine(),
}


@dataclass(frozen=True)
class Rows:
    """A source of draws for rows that are part of a larger batch: the draws are those that the whole batch would see.

    Attributes:
        generator: the same, in the same state, in every process that has a part.
        count: rows of the whole batch.
        first, every: this part's rows are first, first + every, ...
    """

    generator: torch.Generator
    count: int
    first: int
    every: int


Source = torch.Generator | Rows | None


def uniform(shape: tuple[int, ...], device: torch.device, generator: Source) -> Tensor:
    """Uniform draws in [0, 1) on `device`, float32 [*shape], made on the generator's own device if there is one."""
    if isinstance(generator, Rows):
        whole = uniform((generator.count, *shape[1:]), device, generator.generator)
        return whole[generator.first :: generator.every]
    source = generator.device if generator is not None else device
    return torch.rand(shape, generator=generator, device=source).to(device)


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """[B] -> [B, 1, ...] with as many axes as `like`."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


@dataclass(frozen=True)
class MixturePath:
    """The path between an all-[MASK] source and the data.

    Attributes:
        scheduler: kappa_t.
        mask_id: the id of [MASK].
    """

    scheduler: Scheduler
    mask_id: int

    def sample(self, x_1: Tensor, t: Tensor, generator: Source = None) -> Tensor:
        """Draw x_t ~ p_t(. | x_1): each position is [MASK] with probability 1 - kappa_t.

        Args:
            x_1: int64 [B, ...], data.
            t: [B] in [0, 1], one time per row.

        Returns:
            int64 [B, ...].
        """
        kappa = per_row(self.scheduler.kappa(t), x_1)
        keep = uniform(tuple(x_1.shape), x_1.device, generator) < kappa
        return torch.where(keep, x_1, self.mask_id)

    def rate(self, t: Tensor) -> Tensor:
        """kappa'_t / (1 - kappa_t), the factor of eq. 8; t [B] -> [B]. Infinite at t = 1."""
        return self.scheduler.kappa_dot(t) / (1 - self.scheduler.kappa(t))

    def velocity(self, posterior: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """Eq. 8: u_t(x, x_t) = kappa'_t / (1 - kappa_t) [p_{1|t}(x | x_t) - delta_{x_t}(x)].

        Args:
            posterior: [B, ..., K], p_{1|t}, sums to 1 over the last axis.
            x_t: int64 [B, ...].
            t: [B] in [0, 1).

        Returns:
            [B, ..., K], sums to 0 over the last axis.
        """
        here = torch.nn.functional.one_hot(x_t, posterior.shape[-1]).to(posterior.dtype)
        return per_row(self.rate(t), posterior) * (posterior - here)
