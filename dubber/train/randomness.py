"""Every source of randomness of a run: how it is seeded, saved and set back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int, *others: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch; `others` give further seeds, independent of it."""
    if others:
        seed = int(np.random.SeedSequence([seed, *others]).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (for libraries that draw from the global one)
    torch.manual_seed(seed)


def random_tensors(flow: torch.Generator, device: torch.device) -> dict[str, Tensor]:
    """States that are tensors: PyTorch's global generators and the flow's own."""
    states = {"torch": torch.get_rng_state(), "flow": flow.get_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def random_scalars() -> dict[str, Any]:
    """States as JSON values: Python's and NumPy's global generators."""
    state = np.random.get_state(legacy=True)  # noqa: NPY002
    name, keys, *rest = cast(tuple, state)
    return {"python": random.getstate(), "numpy": [name, keys.tolist(), *rest]}


def load_random_state(
    tensors: Mapping[str, Tensor], scalars: Mapping[str, Any], flow: torch.Generator, device: torch.device
) -> None:
    """Set back what `random_tensors` and `random_scalars` gave."""
    torch.set_rng_state(tensors["torch"])
    flow.set_state(tensors["flow"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
    version, internal, gauss = scalars["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(scalars["numpy"]))  # noqa: NPY002
