"""Where training runs: device, precision, threads, and this process's place among others."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dubber.errors import ConfigError
from dubber.flow.path import Source
from dubber.train.launch import find_launch
from dubber.train.losses import Losses
from dubber.train.settings import StageSettings


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
        """The gradients of a loss."""
        loss.backward()

    def shared(self, losses: Losses) -> Losses:
        """A batch's losses, from this process's share of it."""
        return losses

    def average(self, values: Tensor) -> Tensor:
        """The mean over all processes."""
        return values

    def any(self, flag: bool) -> bool:
        """Whether a flag is set in some process."""
        return flag

    def gather(self, value: Any) -> list[Any]:
        """The value of each process."""
        return [value]

    def rows(self, generator: torch.Generator, count: int) -> Source:
        """What draws for this process's share of a batch of `count` clips."""
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


def make_runtime(settings: StageSettings, threads: int) -> Runtime:
    """Set up this process, and meet those that were started with it.

    Args:
        threads: CPU threads that the workflow allows on this machine.

    Raises:
        ConfigError: there is no such device, or the processes cannot train together.
    """
    device, launch = choose_device(settings.device), find_launch()
    if launch is None:
        torch.set_num_threads(threads)
        return Runtime(device, settings.precision)
    from dubber.train.distributed import join  # Lightning Fabric takes a second to import; a process alone does without

    torch.set_num_threads(max(1, threads // launch.per_node))
    return join(launch, device, settings)


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of this name, "float32" or "bf16"; "auto" is bf16 where the device multiplies it natively."""
    if name != "auto":
        return name
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if native else "float32"


def choose_device(name: str) -> torch.device:
    """The device of this name; "auto" is the accelerator where there is one.

    Raises:
        ConfigError: the name is unknown, or PyTorch sees no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"The device '{name}' cannot be used: {str(error).splitlines()[0]}",
            looked_at=f"device: {name}; CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')}",
            hint="Set device: auto, or install a build of PyTorch for this accelerator.",
        ) from None
    return device
