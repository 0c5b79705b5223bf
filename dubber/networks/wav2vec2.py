"""wav2vec 2.0 base as it is used, not trained: a waveform becomes 768 numbers for every 20 ms.

Baevski et al., "wav2vec 2.0", 2020; keys and shapes are those of fairseq's encoder (MIT) as the UTMOS weights hold it.
Shapes: B clips of equal length, T samples, F frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 512  # of the convolutions
WIDTH = 768  # of the transformer
INNER = 3072  # of its feed-forward layers
HEADS = 12
BLOCKS = 12
CONVOLUTIONS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))  # kernel and stride
SHORTEST = 400  # samples that one frame sees
POSITION_KERNEL = 128
POSITION_GROUPS = 16


class Wav2Vec2(nn.Module):
    """Waveforms [B, T] at 16 kHz, -1..1, at least 400 samples -> frames [B, F, 768].

    Every clip is seen whole: the first layer normalises over time, so that silence added to a clip changes all of its
    frames. Clips of different lengths must be given one by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mask_emb = nn.Parameter(torch.zeros(WIDTH))  # of the pre-training; in the file, without use here
        self.feature_extractor = Convolutions()
        self.layer_norm = nn.LayerNorm(CHANNELS)
        self.post_extract_proj = nn.Linear(CHANNELS, WIDTH)
        self.encoder = Encoder()

    def forward(self, wav: Tensor) -> Tensor:
        return self.encoder(self.post_extract_proj(self.layer_norm(self.feature_extractor(wav))))


class Convolutions(nn.Module):
    """[B, T] -> [B, F, 512]: one frame of 400 samples every 320."""

    def __init__(self) -> None:
        super().__init__()
        inputs = [1] + [CHANNELS] * (len(CONVOLUTIONS) - 1)
        self.conv_layers = nn.ModuleList(
            nn.Sequential(nn.Conv1d(width, CHANNELS, kernel, stride, bias=False), *_after(position))
            for position, (width, (kernel, stride)) in enumerate(zip(inputs, CONVOLUTIONS, strict=True))
        )

    def forward(self, wav: Tensor) -> Tensor:
        maps = wav.unsqueeze(1)
        for layer in self.conv_layers:
            maps = layer(maps)
        return maps.transpose(1, 2)


def _after(position: int) -> list[nn.Module]:
    """What follows a convolution: the first one's channels are normalised over time; the numbering leaves a gap."""
    return [nn.Identity(), nn.GroupNorm(CHANNELS, CHANNELS), nn.GELU()] if position == 0 else [nn.GELU()]


class Encoder(nn.Module):
    """[B, F, 768] -> [B, F, 768]: positions by a convolution, then blocks that normalise after each sum."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_conv = nn.Sequential(PositionConvolution(), nn.GELU())
        self.layer_norm = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, frames: Tensor) -> Tensor:
        frames = self.layer_norm(frames + self.pos_conv(frames.transpose(1, 2)).transpose(1, 2))
        for block in self.layers:
            frames = block(frames)
        return frames


class PositionConvolution(nn.Module):
    """[B, width, F] -> [B, width, F], under weight normalisation with one magnitude for each tap of the kernel.

    The kernel is even: it looks at 64 frames before a frame and 63 after it.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(1, 1, POSITION_KERNEL))
        self.weight_v = nn.Parameter(torch.randn(width, width // POSITION_GROUPS, POSITION_KERNEL))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, maps: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(self.weight_v, dim=(0, 1), keepdim=True)
        kernel = self.weight_v * (self.weight_g / norm)
        padded = functional.pad(maps, (POSITION_KERNEL // 2, POSITION_KERNEL // 2 - 1))
        return functional.conv1d(padded, kernel, self.bias, groups=POSITION_GROUPS)


class Block(nn.Module):
    """One block of the transformer, [B, F, 768] -> [B, F, 768]."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.self_attn_layer_norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, INNER)
        self.fc2 = nn.Linear(INNER, WIDTH)
        self.final_layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, frames: Tensor) -> Tensor:
        frames = self.self_attn_layer_norm(frames + self.self_attn(frames))
        return self.final_layer_norm(frames + self.fc2(functional.gelu(self.fc1(frames))))


class Attention(nn.Module):
    """Every frame looks at every frame of its clip; [B, F, width] -> [B, F, width]."""

    def __init__(self, width: int = WIDTH, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(4))

    def forward(self, frames: Tensor) -> Tensor:
        query, key, value = (self._heads(layer(frames)) for layer in (self.q_proj, self.k_proj, self.v_proj))
        seen = functional.scaled_dot_product_attention(query, key, value)
        return self.out_proj(seen.transpose(1, 2).flatten(2))

    def _heads(self, frames: Tensor) -> Tensor:
        """[B, F, width] -> [B, heads, F, width / heads]."""
        return frames.unflatten(2, (self.heads, -1)).transpose(1, 2)
