"""AdamW, its learning rate as a function of the step, and its state as tensors by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dubber.train.distributed import shard_like, whole_tensor
from dubber.train.settings import TrainSettings


def make_optimiser(model: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """AdamW on what is trainable; biases, norms and other vectors do not decay."""
    parameters = _trained(model).values()
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1]},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, **settings.adamw(), fused=True)


def learning_rate(settings: TrainSettings, step: int, total: int) -> float:
    """The rate of the step that follows `step` steps: a linear rise, then constant or half a cosine down to 0."""
    warmup = math.ceil(settings.warmup_share * total)
    if step < warmup:
        return settings.lr * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def optimiser_tensors(optimiser: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """`<parameter>/<part>` -> tensor, for every parameter that has been stepped."""
    found: dict[str, Tensor] = {}
    for name, parameter in _trained(model).items():
        for part, value in optimiser.state.get(parameter, {}).items():
            found[f"{name}/{part}"] = whole_tensor(value)
    return found


def load_optimiser(optimiser: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of `optimiser_tensors`."""
    parameters = _trained(model)
    names = {parameter: name for name, parameter in parameters.items()}
    order = [names[parameter] for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, part = key.rsplit("/", 1)
        state.setdefault(order.index(name), {})[part] = shard_like(value, parameters[name])
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _trained(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
