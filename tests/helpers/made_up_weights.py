"""Weight files of a published shape with made-up numbers, always the same ones."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

Shapes = Mapping[str, tuple[int, ...]]


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """All keys with their shapes, less the counters of batch normalisation."""
    weights = network.state_dict()
    return {key: tuple(weights[key].shape) for key in weights if not key.endswith(".num_batches_tracked")}


def digest(table: Shapes) -> str:
    """SHA-256 of the sorted lines `key 512x256x5x4`."""
    lines = sorted(f"{key} {'x'.join(map(str, shape))}" for key, shape in table.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def made_up(table: Shapes) -> dict[str, Tensor]:
    """Key by key in their alphabetical order: spreads and magnitudes in 0.5..1.5, other vectors normal with a standard
    deviation of 0.1, matrices and kernels normal with 1.4 over the root of their inputs."""
    random = torch.Generator().manual_seed(0)
    made = {}
    for key in sorted(table):
        shape = table[key]
        if key.endswith(("running_var", "weight_g")):
            made[key] = 0.5 + torch.rand(shape, generator=random)
        else:
            scale = 0.1 if len(shape) == 1 else 1.4 / math.sqrt(math.prod(shape[1:]))
            made[key] = scale * torch.randn(shape, generator=random)
            if key.endswith("weight") and len(shape) == 1:
                made[key] += 1
    return made
