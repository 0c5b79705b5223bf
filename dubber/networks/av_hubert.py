"""AV-HuBERT Large: the published network that sees lips and hears speech, 1,024 numbers for every video frame (AVSync).

Shi et al., "Learning audio-visual speech representation by masked multimodal cluster prediction", 2022. Keys and shapes
are those of the published file's entry `model`; the published code is under Meta's non-commercial licence, this is
written afresh. Shapes: B clips of equal length, F video frames of 40 ms.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dubber.networks.published_weights import Published, load_published
from dubber.networks.wav2vec2 import Attention, PositionConvolution

PUBLISHED = Published(
    model="AV-HuBERT Large",
    file="large_vox_iter5.pt",
    group="avhubert",
    source="Meta: AV-HuBERT, pre-trained on LRS3 and VoxCeleb2 without noise",
    part="model",
    skipped=("mask_emb", "label_embs_concat", "final_proj"),  # of the training
    stand_ins=("fairseq.data.dictionary.Dictionary",),
)
SIDE = 88  # pixels of the lips
BANDS = 104  # 26 log filterbank energies of each of the 4 audio frames in a video frame
WIDTH = 1024
INNER = 4096  # of the feed-forward layers
HEADS = 16
BLOCKS = 24
STAGES = (64, 128, 256, 512)  # channels of the picture network's stages, two blocks each


class AVHubert(nn.Module):
    """Lips and sound of the same clips -> frames [B, F, 1024] after the last block and its normalisation.

    `blocks` is 24 in the published network.
    """

    def __init__(self, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.feature_extractor_audio = Audio()
        self.feature_extractor_video = Video()
        self.layer_norm = nn.LayerNorm(2 * WIDTH)
        self.post_extract_proj = nn.Linear(2 * WIDTH, WIDTH)
        self.encoder = Encoder(blocks)

    def forward(self, seen: Tensor, heard: Tensor) -> Tensor:
        """What `see` and `hear` gave [B, F, 1024] each -> frames [B, F, 1024]."""
        return self.encoder(self.post_extract_proj(self.layer_norm(torch.cat([heard, seen], dim=2))))

    def see(self, lips: Tensor) -> Tensor:
        """Grey lips [B, F, 88, 88], (value / 255 - 0.421) / 0.165 -> [B, F, 1024]."""
        return self.feature_extractor_video(lips)

    def hear(self, bands: Tensor) -> Tensor:
        """Log filterbank energies [B, F, 104], every video frame's normalised -> [B, F, 1024]."""
        return self.feature_extractor_audio(bands)


def load_av_hubert(path: Path | str, blocks: int = BLOCKS) -> AVHubert:
    """The published network, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published keys and shapes.
    """
    network = AVHubert(blocks)
    load_published(network, path, PUBLISHED)
    return network


class Audio(nn.Module):
    """[B, F, 104] -> [B, F, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(BANDS, WIDTH)

    def forward(self, bands: Tensor) -> Tensor:
        return self.proj(bands)


class Video(nn.Module):
    """[B, F, 88, 88] -> [B, F, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = Pictures()
        self.proj = nn.Linear(STAGES[-1], WIDTH)

    def forward(self, lips: Tensor) -> Tensor:
        return self.proj(self.resnet(lips))


class Pictures(nn.Module):
    """[B, F, 88, 88] -> [B, F, 512]: one convolution over 5 frames, then each picture by itself."""

    def __init__(self) -> None:
        super().__init__()
        first = STAGES[0]
        self.frontend3D = nn.Sequential(
            nn.Conv3d(1, first, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(first),
            nn.PReLU(first),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.trunk = Trunk()

    def forward(self, lips: Tensor) -> Tensor:
        maps = self.frontend3D(lips.unsqueeze(1)).transpose(1, 2)  # [B, F, 64, 22, 22]
        return self.trunk(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])


class Trunk(nn.Module):
    """ResNet-18 without its first layer and its classes, [B F, 64, 22, 22] -> [B F, 512]."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (STAGES[0], *STAGES)
        for stage, channels in enumerate(STAGES):
            blocks = (Residual(inputs[stage], channels), Residual(channels, channels))
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))

    def forward(self, maps: Tensor) -> Tensor:
        for stage in self.children():
            maps = stage(maps)
        return maps.mean((2, 3))


class Residual(nn.Module):
    """Two convolutions and a way round them; where the channels change, height and width are halved."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        stride = 1 if inputs == channels else 2
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.PReLU(channels)
        self.downsample = nn.Sequential()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, maps: Tensor) -> Tensor:
        change = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(maps)))))
        return self.relu2(change + self.downsample(maps))


class Encoder(nn.Module):
    """[B, F, 1024] -> [B, F, 1024]: positions by a convolution, blocks, one normalisation after the last."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.pos_conv = nn.Sequential(PositionConvolution(WIDTH), nn.GELU())
        self.layers = nn.ModuleList(Block() for _ in range(blocks))
        self.layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, frames: Tensor) -> Tensor:
        frames = frames + self.pos_conv(frames.transpose(1, 2)).transpose(1, 2)
        for block in self.layers:
            frames = block(frames)
        return self.layer_norm(frames)


class Block(nn.Module):
    """One block of the transformer, normalised before each part; [B, F, 1024] -> [B, F, 1024]."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention(WIDTH, HEADS)
        self.self_attn_layer_norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, INNER)
        self.fc2 = nn.Linear(INNER, WIDTH)
        self.final_layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, frames: Tensor) -> Tensor:
        frames = frames + self.self_attn(self.self_attn_layer_norm(frames))
        return frames + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(frames))))
