"""The blocks that content model, FaPro and Synchronizer are built from.

Every block takes its mask and gives a clip in a padded batch exactly what it would give the clip alone.

Shapes: B batch, L positions, I queries, J keys, D width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dubber.errors import DubberError
from dubber.model.attention import Attended, CrossAttention, SelfAttention
from dubber.model.products import Linear
from dubber.model.settings import ModelSettings

NORM_EPS = 1e-6


def masked(x: Tensor, mask: Tensor) -> Tensor:
    """[B, L, D] with its padded positions set to 0."""
    return x * mask.unsqueeze(-1)


class Convolution(nn.Conv1d):
    """A length-keeping convolution over [B, L, channels] whose padded positions count as the zeros past the end."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, groups: int = 1) -> None:
        super().__init__(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]  # the mask is ours
        return super().forward(masked(x, mask).transpose(1, 2)).transpose(1, 2)


def sinusoids(positions: Tensor, width: int) -> Tensor:
    """Sine and cosine features, float32 [..., width], of positions [...]; frequencies from 1 down to 1/10,000."""
    half = width // 2
    frequency = torch.exp(-math.log(10_000.0) / max(half - 1, 1) * torch.arange(half, device=positions.device))
    angle = positions.float().unsqueeze(-1) * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Positions(nn.Module):
    """Adds fixed sinusoid positions to [B, L, D].

    Raises:
        DubberError: L exceeds `max_positions`.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.maximum, self.width = settings.max_positions, settings.width

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        if length > self.maximum:
            raise DubberError(
                f"A sequence of {length} positions is longer than the {self.maximum} that the model can tell apart.",
                looked_at="max_positions of the model's size",
                hint="Cut the clip, or raise max_positions in config/sizes.yaml.",
            )
        return x + sinusoids(torch.arange(length, device=x.device), self.width).to(x.dtype)


class FFTBlock(nn.Module):
    """Feed-forward transformer block of FastSpeech: self-attention, then two convolutions, each with post-norm."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width, (kernel_in, kernel_out) = settings.width, settings.kernels
        self.attention = SelfAttention(width, settings.heads)
        self.attention_norm = nn.LayerNorm(width)
        self.conv_in = Convolution(width, settings.filter, kernel_in)
        self.conv_out = Convolution(settings.filter, width, kernel_out)
        self.conv_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, D], mask bool [B, L] -> [B, L, D], zero at padded positions."""
        x = self.attention_norm(x + self.dropout(self.attention(x, mask)))
        convolved = self.conv_out(F.relu(self.conv_in(x, mask)), mask)
        return masked(self.conv_norm(x + self.dropout(convolved)), mask)


class Transformer(nn.Module):
    """FFT blocks in sequence, after sinusoid positions."""

    def __init__(self, settings: ModelSettings, layers: int) -> None:
        super().__init__()
        self.positions = Positions(settings)
        self.blocks = nn.ModuleList(FFTBlock(settings) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, D], mask bool [B, L] -> [B, L, D]."""
        x = masked(self.positions(x), mask)
        for block in self.blocks:
            x = block(x, mask)
        return x


class CrossAttentionBlock(nn.Module):
    """Transformer block whose attention goes to another sequence: attention, then an MLP, each with post-norm."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.width
        self.attention = CrossAttention(width, settings.heads, monotonic=settings.attention == "monotonic")
        self.attention_norm = nn.LayerNorm(width)
        self.mlp_in = Linear(width, settings.filter)
        self.mlp_out = Linear(settings.filter, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, queries: Tensor, query_mask: Tensor, memory: Tensor, memory_mask: Tensor) -> Attended:
        """queries [B, I, D], memory [B, J, D] and their masks -> values [B, I, D], weights [B, I, J]."""
        attended = self.attention(queries, memory, memory_mask)
        x = self.attention_norm(queries + self.dropout(attended.values))
        x = self.mlp_norm(x + self.dropout(self.mlp_out(F.relu(self.mlp_in(x)))))
        return Attended(masked(x, query_mask), attended.weights)


class CrossTransformer(nn.Module):
    """Cross-attention blocks in sequence, after sinusoid positions on the queries; gives the last block's weights."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.positions = Positions(settings)
        self.blocks = nn.ModuleList(CrossAttentionBlock(settings) for _ in range(settings.sync_layers))

    def forward(self, queries: Tensor, query_mask: Tensor, memory: Tensor, memory_mask: Tensor) -> Attended:
        """As `CrossAttentionBlock`: values [B, I, D], weights [B, I, J]."""
        x = masked(self.positions(queries), query_mask)
        for block in self.blocks:
            attended = block(x, query_mask, memory, memory_mask)
            x = attended.values
        return attended


class GlobalResponseNorm(nn.Module):
    """GRN of ConvNeXt V2 over time: each channel's L2 norm over the real positions, relative to the mean channel's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, channels], mask bool [B, L] -> the same shape."""
        norm = torch.linalg.vector_norm(masked(x, mask).float(), dim=1, keepdim=True)
        response = (norm / (norm.mean(-1, keepdim=True) + NORM_EPS)).to(x.dtype)
        return x + self.gamma * (x * response) + self.beta


class ConvNeXtBlock(nn.Module):
    """ConvNeXt-V2 block in one dimension: depthwise convolution, LayerNorm, MLP with GELU and GRN, residual."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width = settings.width
        self.depthwise = Convolution(width, width, settings.convnext_kernel, groups=width)
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.expand = Linear(width, settings.filter)
        self.response = GlobalResponseNorm(settings.filter)
        self.reduce = Linear(settings.filter, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, D], mask bool [B, L] -> [B, L, D], zero at padded positions."""
        hidden = F.gelu(self.expand(self.norm(self.depthwise(x, mask))))
        return masked(x + self.reduce(self.response(hidden, mask)), mask)


class ConvNeXt(nn.Module):
    """ConvNeXt-V2 blocks in sequence, then a LayerNorm."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvNeXtBlock(settings) for _ in range(settings.convnext_layers))
        self.norm = nn.LayerNorm(settings.width, eps=NORM_EPS)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, D], mask bool [B, L] -> [B, L, D], zero at padded positions."""
        for block in self.blocks:
            x = block(x, mask)
        return masked(self.norm(x), mask)


class ClipNorm(nn.Module):
    """GroupNorm with one group: mean and variance over a clip's channels and real positions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, channels], mask bool [B, L] -> the same shape."""
        real = mask.unsqueeze(-1).float()
        count = real.sum((1, 2), keepdim=True) * x.shape[-1]
        centred = x.float() - (x.float() * real).sum((1, 2), keepdim=True) / count
        variance = (centred.square() * real).sum((1, 2), keepdim=True) / count
        return (centred * (variance + 1e-5).rsqrt()).to(x.dtype) * self.weight + self.bias


def interpolate(x: Tensor, lengths_in: Tensor, lengths_out: Tensor, size: int) -> Tensor:
    """Linear interpolation in time, each clip by its own factor (half-pixel centres, as `F.interpolate`).

    Args:
        x: [B, L, D].
        lengths_in: int64 [B], real positions of each clip in `x`.
        lengths_out: int64 [B], positions wanted of each clip.
        size: positions of the padded result.

    Returns:
        [B, size, D]; past a clip's length its last position is repeated.
    """
    position = torch.arange(size, device=x.device, dtype=torch.float32)
    factor = (lengths_in / lengths_out).unsqueeze(1)
    last = (lengths_in - 1).unsqueeze(1)
    source = ((position + 0.5) * factor - 0.5).clamp(min=0).minimum(last.to(position.dtype))
    lower = source.floor().long()
    upper = (lower + 1).minimum(last)
    share = (source - lower).unsqueeze(-1).to(x.dtype)
    width = x.shape[-1]
    left, right = (x.gather(1, index.unsqueeze(-1).expand(-1, -1, width)) for index in (lower, upper))
    return left + (right - left) * share


class Upsampler(nn.Module):
    """Learned interpolation from video rate to speech rate: linear, then [convolution, GroupNorm(1), Mish] times n."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        width, layers = settings.width, settings.upsampler_layers
        self.convolutions = nn.ModuleList(Convolution(width, width, 3) for _ in range(layers))
        self.norms = nn.ModuleList(ClipNorm(width) for _ in range(layers))
        self.out = Convolution(width, width, 1)

    def forward(self, x: Tensor, mask: Tensor, token_mask: Tensor) -> Tensor:
        """x [B, F, D] at video rate, masks bool [B, F] and [B, T] -> [B, T, D], zero at padded positions."""
        x = interpolate(x, mask.sum(1), token_mask.sum(1), token_mask.shape[1])
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.mish(norm(convolution(x, token_mask), token_mask))
        return masked(self.out(x, token_mask), token_mask)
