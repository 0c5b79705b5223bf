"""The device and the precision that PyTorch computes with, from their names in the settings."""

from __future__ import annotations

import os

import torch

from dubber.errors import ConfigError

KINDS = ("cpu", "cuda", "mps", "xpu")


def choose_device(name: str) -> torch.device:
    """The device of this name; "auto" is the accelerator if there is one.

    Raises:
        ConfigError: the name is unknown, or PyTorch sees no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in KINDS:
            raise RuntimeError(f"it is not one of {', '.join(KINDS)}")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"The device '{name}' cannot be used: {str(error).splitlines()[0]}",
            looked_at=f"device: {name}; CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')}",
            hint="Set device: auto, or install a build of PyTorch for this accelerator.",
        ) from None
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of this name, "float32" or "bf16"; "auto" is bf16 where the device multiplies it natively."""
    if name != "auto":
        return name
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if native else "float32"
