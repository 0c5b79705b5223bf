"""Tensors that are spread over processes (FSDP), and whole ones."""

from __future__ import annotations

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def whole_tensor(tensor: Tensor) -> Tensor:
    """A tensor with all its parts; every process asks at once."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def spread_like(tensor: Tensor, like: Tensor) -> Tensor:
    """A whole tensor in parts as those of `like`, which may be whole; scalars stay whole."""
    if not isinstance(like, DTensor) or tensor.dim() == 0:
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
