"""Layers that were trained under weight normalisation and are used without it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Folded:
    """Marks a layer whose published weight is a pair, `weight_g` and `weight_v`, that is folded into one at loading."""


class FoldedLinear(Folded, nn.Linear):
    """A linear layer, weight-normed where it was trained."""


class FoldedConv1d(Folded, nn.Conv1d):
    """A convolution, weight-normed where it was trained."""


class FoldedConvTranspose1d(Folded, nn.ConvTranspose1d):
    """A transposed convolution, weight-normed where it was trained."""


def fold(magnitude: Tensor, direction: Tensor) -> Tensor:
    """g v / |v|, the norm taken over all dimensions but the first.

    Args:
        magnitude: `weight_g`, [n, 1, ...].
        direction: `weight_v`, [n, ...].
    """
    norm = torch.linalg.vector_norm(direction, dim=tuple(range(1, direction.ndim)), keepdim=True)
    return direction * (magnitude / norm)
