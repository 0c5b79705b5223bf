"""Where training runs: device, precision, threads, and this process's place among others."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from dubber.errors import ConfigError
from dubber.train.settings import StageSettings


@dataclass(frozen=True)
class Runtime:
    """One process's view of the machine.

    Attributes:
        device: where the model lives.
        precision: "float32" or "bf16".
        rank: number of this process; the first one writes the files.
        world: how many processes share a batch.
    """

    device: torch.device
    precision: str
    rank: int = 0
    world: int = 1

    def autocast(self) -> AbstractContextManager:
        """Matrix products in the chosen precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def describe(self) -> dict[str, Any]:
        """Facts for the run's records."""
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else "cpu",
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "processes": self.world,
        }


def make_runtime(settings: StageSettings, threads: int) -> Runtime:
    """Set up this process.

    Args:
        threads: CPU threads that the workflow allows.

    Raises:
        ConfigError: there is no such device.
    """
    torch.set_num_threads(threads)
    return Runtime(choose_device(settings.device), settings.precision)


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
