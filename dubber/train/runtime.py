"""Where a training runs: device, number format, threads. The seam where several processes will go in."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from dubber.errors import ConfigError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Runtime:
    """Device and number format.

    Attributes:
        device: where model and batches lie.
        precision: float32 or bf16 (autocast: weights and optimiser stay float32).
    """

    device: torch.device
    precision: str

    def autocast(self) -> AbstractContextManager:
        """The number format of the forward pass."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)


def start(device: str, precision: str, threads: int) -> Runtime:
    """Choose the device and set the number of threads.

    Raises:
        ConfigError: the device that was asked for is not there.
    """
    torch.set_num_threads(threads)
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if chosen.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("There is no GPU that PyTorch can use.", looked_at=f"device: {device}", hint="device: auto")
    log.info("training on %s in %s with %d threads", chosen, precision, threads)
    return Runtime(torch.device(chosen), precision)
