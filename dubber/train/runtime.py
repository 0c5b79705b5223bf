"""Where training runs: device, precision, threads, and the rank of this process among others."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dubber.flow.path import Source
from dubber.train.losses import Losses


@dataclass(frozen=True)
class Place:
    """This process among those that train together: its number and how many there are."""

    rank: int = 0
    world: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the process that writes the files."""
        return self.rank == 0


@dataclass(frozen=True)
class Runtime:
    """A process's view of the machine; here, of a process that trains alone.

    Attributes:
        device: where the model lives.
        precision: "float32" or "bf16".
        place: of this process among others.
    """

    device: torch.device
    precision: str
    place: Place = Place()

    def autocast(self) -> AbstractContextManager:
        """Matrix products in the chosen precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def wrap(self, module: nn.Module) -> nn.Module:
        """A module that is ready to be trained; its parameters are on the device."""
        return module.to(self.device)

    def backward(self, loss: Tensor) -> None:
        """The gradients of a loss, a scalar."""
        loss.backward()

    def shared(self, losses: Losses) -> Losses:
        """A batch's losses, from this process's share of it."""
        return losses

    def average(self, values: Tensor) -> Tensor:
        """values [...] -> their mean over all processes, [...]."""
        return values

    def any(self, flag: bool) -> bool:
        """Whether a flag is set in some process."""
        return flag

    def gather(self, value: Any) -> list[Any]:
        """The value of each process."""
        return [value]

    def rows(self, generator: torch.Generator, count: int) -> Source:
        """The random source for this process's share of a batch of `count` clips."""
        return generator

    def wait(self) -> None:
        """Wait until every process is here."""

    def describe(self) -> dict[str, Any]:
        """Facts for the run's records."""
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "processes": self.place.world,
        }
