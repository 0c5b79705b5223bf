"""emotion2vec+ large: the published network that turns speech into vectors of 1,024 that tell emotions apart (Table 5).

Ma et al., "emotion2vec: self-supervised pre-training for speech emotion representation", 2023; a data2vec 2.0 audio
encoder. Keys and shapes are those of the published file's entry `model`; written afresh. Shapes: B clips of equal
length, T samples, F frames of 20 ms, N = 10 + F positions.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dubber.networks.published_weights import Published, load_published
from dubber.networks.wav2vec2 import CHANNELS, CONVOLUTIONS

PUBLISHED = Published(
    model="emotion2vec+ large",
    file="model.pt",
    group="emotion2vec",
    source="Hugging Face: emotion2vec/emotion2vec_plus_large",
    part="model",
)
WIDTH = 1024
INNER = 4096  # of the feed-forward layers
HEADS = 16
FIRST_BLOCKS, BLOCKS = 4, 8
EXTRA_TOKENS = 10  # learned positions before the frames
POSITION_LAYERS, POSITION_KERNEL, POSITION_GROUPS = 5, 19, 16
CLASSES = 9  # of the emotion classifier, which the similarity does not use


class Emotion2vec(nn.Module):
    """Waveforms [B, T] at 16 kHz, at least 400 samples, all of the same length -> frames [B, F, 1024].

    A clip's mean and loudness are taken out first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.d2v_model = Data2Vec()
        self.proj = nn.Linear(WIDTH, CLASSES)

    def forward(self, wav: Tensor) -> Tensor:
        return self.d2v_model(functional.layer_norm(wav, wav.shape[1:]))


def load_emotion2vec(path: Path | str) -> Emotion2vec:
    """The published network, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published keys and shapes.
    """
    network = Emotion2vec()
    load_published(network, path, PUBLISHED)
    return network


class Data2Vec(nn.Module):
    """[B, T] -> [B, F, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.modality_encoders = nn.ModuleDict({"AUDIO": AudioEncoder()})
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))

    def forward(self, wav: Tensor) -> Tensor:
        positions, nearness = self.modality_encoders["AUDIO"](wav)
        for block in self.blocks:
            positions = block(positions, nearness)
        return positions[:, EXTRA_TOKENS:]


class AudioEncoder(nn.Module):
    """[B, T] -> positions [B, N, 1024] and what is added to every attention score [1, 16, N, N]."""

    def __init__(self) -> None:
        super().__init__()
        self.alibi_scale = nn.Parameter(torch.ones(1, 1, HEADS, 1, 1))
        self.extra_tokens = nn.Parameter(torch.zeros(1, EXTRA_TOKENS, WIDTH))
        self.local_encoder = Convolutions()
        self.project_features = nn.Sequential(Swapped(), nn.LayerNorm(CHANNELS), nn.Linear(CHANNELS, WIDTH))
        self.relative_positional_encoder = nn.Sequential(
            Swapped(), *(_position_layer() for _ in range(POSITION_LAYERS)), Swapped()
        )
        self.context_encoder = ContextEncoder()

    def forward(self, wav: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.project_features(self.local_encoder(wav))
        frames = frames + self.relative_positional_encoder(frames)
        nearness = self._nearness(frames.shape[1])
        positions = torch.cat([self.extra_tokens.expand(len(frames), -1, -1), frames], dim=1)
        return self.context_encoder(positions, nearness), nearness

    def _nearness(self, frames: int) -> Tensor:
        """ALiBi: minus the distance in frames, times a learned slope for each head; 0 from and to the extra tokens."""
        places = torch.arange(frames, device=self.alibi_scale.device)
        distance = (places[:, None] - places[None, :]).abs()
        slopes = 2.0 ** (-8 / HEADS * torch.arange(1, HEADS + 1, device=places.device))
        bias = -slopes[:, None, None] * distance * self.alibi_scale[0].clamp_min(0)
        return functional.pad(bias, (EXTRA_TOKENS, 0, EXTRA_TOKENS, 0))


class Convolutions(nn.Module):
    """[B, T] -> [B, 512, F]; every frame's channels are normalised after each convolution."""

    def __init__(self) -> None:
        super().__init__()
        inputs = [1] + [CHANNELS] * (len(CONVOLUTIONS) - 1)
        self.conv_layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, CHANNELS, kernel, stride, bias=False),
                nn.Identity(),  # keeps the published numbering
                nn.Sequential(Swapped(), nn.LayerNorm(CHANNELS), Swapped()),
                nn.GELU(),
            )
            for width, (kernel, stride) in zip(inputs, CONVOLUTIONS, strict=True)
        )

    def forward(self, wav: Tensor) -> Tensor:
        maps = wav.unsqueeze(1)
        for layer in self.conv_layers:
            maps = layer(maps)
        return maps


class Swapped(nn.Module):
    """The last two dimensions change places."""

    def forward(self, values: Tensor) -> Tensor:
        return values.transpose(-2, -1)


def _position_layer() -> nn.Sequential:
    """[B, 1024, F] -> [B, 1024, F]."""
    conv = nn.Conv1d(WIDTH, WIDTH, POSITION_KERNEL, padding=POSITION_KERNEL // 2, groups=POSITION_GROUPS)
    return nn.Sequential(conv, Swapped(), nn.LayerNorm(WIDTH, elementwise_affine=False), Swapped(), nn.GELU())


class ContextEncoder(nn.Module):
    """The first blocks, with a normalisation before them; [B, N, 1024] -> [B, N, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(FIRST_BLOCKS))

    def forward(self, positions: Tensor, nearness: Tensor) -> Tensor:
        positions = self.norm(positions)
        for block in self.blocks:
            positions = block(positions, nearness)
        return positions


class Block(nn.Module):
    """One block of the transformer, normalised after each sum; [B, N, 1024] -> [B, N, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = Attention()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.mlp = FeedForward()
        self.norm2 = nn.LayerNorm(WIDTH)

    def forward(self, positions: Tensor, nearness: Tensor) -> Tensor:
        positions = self.norm1(positions + self.attn(positions, nearness))
        return self.norm2(positions + self.mlp(positions))


class Attention(nn.Module):
    """Every position looks at every other with 16 heads; nearness [1, 16, N, N] is added to the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, positions: Tensor, nearness: Tensor) -> Tensor:
        query, key, value = self.qkv(positions).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=nearness)
        return self.proj(seen.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """[..., 1024] -> [..., 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, INNER)
        self.fc2 = nn.Linear(INNER, WIDTH)

    def forward(self, values: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(values)))
