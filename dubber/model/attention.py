"""Multi-head attention: over itself (with rotary positions or without) and over another sequence (soft or monotonic).

Shapes: B batch, H heads, I queries, J keys, L positions, D width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.model.products import Linear, linear

ROTARY_BASE = 10_000.0


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B, L, D] -> [B, H, L, D / H]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """[B, H, L, D / H] -> [B, L, D]."""
    return x.transpose(1, 2).flatten(-2)


@dataclass(frozen=True)
class Rotation:
    """Rotary positions (RoPE): cosines and sines, each [B, 1, L, D / 2H]."""

    cos: Tensor
    sin: Tensor

    @classmethod
    def at(cls, positions: Tensor, head_width: int) -> Rotation:
        """The rotation of each position, int64 [B, L]; angles fall geometrically from 1 to 1/10,000 per position."""
        pair = torch.arange(0, head_width, 2, device=positions.device, dtype=torch.float32)
        angle = positions.float().unsqueeze(-1) * ROTARY_BASE ** (-pair / head_width)
        return cls(angle.cos().unsqueeze(1), angle.sin().unsqueeze(1))

    def since(self, first: int) -> Rotation:
        """The rotation of the positions from `first` on."""
        return Rotation(self.cos[:, :, first:], self.sin[:, :, first:])

    def __call__(self, x: Tensor) -> Tensor:
        """Turn [B, H, L, D / H]; channel c is paired with channel c + D / 2H."""
        first, second = x.chunk(2, dim=-1)
        turned = [first * self.cos - second * self.sin, second * self.cos + first * self.sin]
        return torch.cat(turned, dim=-1).to(x.dtype)


class SelfAttention(nn.Module):
    """Scaled dot-product attention of a sequence with itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.out = Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor, rotation: Rotation | None = None, first: int = 0) -> Tensor:
        """x [B, L, D], mask bool [B, L] -> [B, L - first, D]; padded positions are never attended to.

        Args:
            first: positions before it are attended to but do not ask themselves.
        """
        q, k, v = (split_heads(part, self.heads) for part in self._project(x, first))
        if rotation is not None:
            q, k = rotation.since(first)(q), rotation(k)
        return self.out(join_heads(attend(q, k, v, mask[:, None, None, :])))

    def _project(self, x: Tensor, first: int) -> tuple[Tensor, ...]:
        """Queries [B, L - first, D], keys and values [B, L, D]."""
        if not first:
            return self.qkv(x).chunk(3, dim=-1)
        width = self.qkv.in_features
        weight, bias = self.qkv.weight.split([width, 2 * width]), self.qkv.bias.split([width, 2 * width])
        return (linear(x[:, first:], weight[0], bias[0]), *linear(x, weight[1], bias[1]).chunk(2, dim=-1))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(D / H)) v over the keys of the mask.

    PyTorch's fused kernel is no faster in bfloat16 than in float32 on a CPU; there the two products are written out,
    in training too.

    Args:
        q: [B, H, I, D / H].
        k, v: [B, H, J, D / H].
        mask: bool [B, 1, 1, J].
    """
    if q.device.type != "cpu" or q.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    energy = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    outside = torch.zeros_like(mask, dtype=energy.dtype).masked_fill_(~mask, -torch.inf)
    return energy.add_(outside).softmax(-1) @ v


@dataclass(frozen=True)
class Attended:
    """What cross-attention gives.

    Attributes:
        values: [B, I, D].
        weights: float32 [B, I, J], the mean over heads; each row of it sums to 1 over the unpadded keys.
    """

    values: Tensor
    weights: Tensor


class CrossAttention(nn.Module):
    """Attention of queries to another sequence, the weights in the open.

    Args:
        monotonic: False for softmax over the keys; True for the expected alignment of monotonic multi-head attention
            (Ma et al. 2020), in which each head moves along the keys and never back.
    """

    def __init__(self, width: int, heads: int, monotonic: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query = Linear(width, width)
        self.key = Linear(width, width)
        self.value = Linear(width, width)
        self.out = Linear(width, width)
        self.offset = nn.Parameter(torch.zeros(heads, 1, 1)) if monotonic else None

    def forward(self, queries: Tensor, memory: Tensor, memory_mask: Tensor) -> Attended:
        """queries [B, I, D], memory [B, J, D], memory_mask bool [B, J] -> values and weights."""
        q = split_heads(self.query(queries), self.heads)
        k = split_heads(self.key(memory), self.heads)
        v = split_heads(self.value(memory), self.heads)
        energy = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
        mask = memory_mask[:, None, None, :]
        if self.offset is None:
            weights = energy.masked_fill(~mask, -torch.inf).softmax(-1)
        else:
            weights = monotonic_weights(energy + self.offset, mask)
        return Attended(self.out(join_heads(weights.to(v.dtype) @ v)), weights.mean(1))


def monotonic_weights(energy: Tensor, mask: Tensor) -> Tensor:
    """Selection energies -> expected alignment; the last real key is always selected, so that each row sums to 1.

    Args:
        energy: [B, H, I, J].
        mask: bool [B, 1, 1, J].
    """
    last = mask & ~F.pad(mask, (0, 1))[..., 1:]
    select = energy.sigmoid().masked_fill(~mask, 0).masked_fill(last, 1)
    return expected_alignment(select)


def expected_alignment(select: Tensor) -> Tensor:
    """Expected monotonic alignment: query i starts at the key where query i - 1 stopped and walks on.

        alpha_ij = p_ij sum_{k <= j} alpha_{i-1,k} prod_{l=k}^{j-1} (1 - p_il),  alpha_{0,j} = [j = first]

    The sum is the walk's recurrence arrived_j = arrived_{j-1} (1 - p_{i,j-1}) + alpha_{i-1,j}, without the division of
    the closed form, which is unstable where p is near 1. Queries and keys are swept along anti-diagonals.

    Args:
        select: p [..., I, J] in [0, 1], the probability of stopping at a key.

    Returns:
        alpha [..., I, J].
    """
    queries, keys = select.shape[-2:]
    skewed = _skew(select)  # row i moves right by i: a column is an anti-diagonal
    zero = torch.zeros_like(skewed[..., 0])
    start = torch.zeros_like(zero)
    start[..., 0] = 1
    arrived, stopped, columns = zero, zero, []
    for diagonal in range(queries + keys - 1):
        p = skewed[..., diagonal]
        previous = skewed[..., diagonal - 1] if diagonal else zero
        from_above = F.pad(stopped[..., :-1], (1, 0)) + (start if diagonal == 0 else 0)
        arrived = arrived * (1 - previous) + from_above
        stopped = p * arrived
        columns.append(stopped)
    return _unskew(torch.stack(columns, dim=-1), keys)


def _skew(x: Tensor) -> Tensor:
    """[..., I, J] -> [..., I, I + J - 1], row i shifted right by i."""
    rows, columns = x.shape[-2:]
    padded = F.pad(x, (0, rows)).flatten(-2)
    return padded[..., : rows * (rows + columns - 1)].unflatten(-1, (rows, rows + columns - 1))


def _unskew(x: Tensor, columns: int) -> Tensor:
    """The inverse of `_skew`."""
    rows = x.shape[-2]
    padded = F.pad(x.flatten(-2), (0, rows)).unflatten(-1, (rows, rows + columns))
    return padded[..., :columns]
