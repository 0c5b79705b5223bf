"""SyncNet v2: the published network that embeds 0.2 s of a face and 0.2 s of sound in one space (LSE, Tables 1 to 4).

Keys and shapes are those of the published file `syncnet_v2.model`. Chung and Zisserman, "Out of time: automated lip
sync in the wild", 2016; the published code is MIT, this is written afresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from dubber.networks.published_weights import Published, load_published

PUBLISHED = Published(
    model="SyncNet v2",
    file="syncnet_v2.model",
    group="syncnet",
    source="Visual Geometry Group, Oxford: software/lipsync",
)
FRAMES = 5  # video frames in a window
SIDE = 224  # pixels
CEPSTRA = (13, 20)  # coefficients and frames of 10 ms in a window
WIDTH = 1024  # of both embeddings

Extent = int | tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """A convolution with batch normalisation and ReLU, and the max-pooling behind it.

    Attributes:
        channels: outputs.
        pool: kernel, stride and padding of the pooling; None where nothing is pooled.
    """

    channels: int
    kernel: Extent
    stride: Extent = 1
    padding: Extent = 0
    pool: tuple[Extent, Extent, Extent] | None = None


AUDIO = (
    Stage(64, 3, padding=1, pool=(1, 1, 0)),  # this pooling changes nothing, but the published numbering counts it
    Stage(192, 3, padding=1, pool=(3, (1, 2), 0)),
    Stage(384, 3, padding=1),
    Stage(256, 3, padding=1),
    Stage(256, 3, padding=1, pool=(3, 2, 0)),
    Stage(512, (5, 4)),
)
VIDEO = (
    Stage(96, (FRAMES, 7, 7), (1, 2, 2), pool=((1, 3, 3), (1, 2, 2), 0)),
    Stage(256, (1, 5, 5), (1, 2, 2), (0, 1, 1), pool=((1, 3, 3), (1, 2, 2), (0, 1, 1))),
    Stage(256, (1, 3, 3), padding=(0, 1, 1)),
    Stage(256, (1, 3, 3), padding=(0, 1, 1)),
    Stage(256, (1, 3, 3), padding=(0, 1, 1), pool=((1, 3, 3), (1, 2, 2), 0)),
    Stage(512, (1, 6, 6)),
)


class SyncNet(nn.Module):
    """Both towers. Embeddings have no fixed length; SyncNet's distances are taken between them as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = _convolutions(1, AUDIO, nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d)
        self.netfcaud = _head()
        self.netcnnlip = _convolutions(3, VIDEO, nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d)
        self.netfclip = _head()

    def audio(self, cepstra: Tensor) -> Tensor:
        """MFCC windows [B, 13, 20] (`dubber.networks.mfcc`) -> [B, 1024]."""
        return self.netfcaud(self.netcnnaud(cepstra.unsqueeze(1)).flatten(1))

    def video(self, frames: Tensor) -> Tensor:
        """Consecutive colour frames [F, 3, 224, 224], 0..255 in the order blue, green, red -> [F - 4, 1024].

        Row i is the embedding of the window of frames i to i + 4: only the first layer looks along time, and it has
        neither stride nor padding there, so that a run of frames gives the same as its windows one by one.
        """
        maps = self.netcnnlip(frames.transpose(0, 1).unsqueeze(0))  # [1, 512, F - 4, 1, 1]
        return self.netfclip(maps.flatten(2)[0].T)


def load_syncnet(path: Path | str) -> SyncNet:
    """The published network, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published keys and shapes.
    """
    network = SyncNet()
    load_published(network, path, PUBLISHED)
    return network


def _convolutions(
    inputs: int, stages: Sequence[Stage], conv: type[nn.Module], norm: type[nn.Module], pool: type[nn.Module]
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for stage in stages:
        layers += [conv(inputs, stage.channels, stage.kernel, stage.stride, stage.padding)]
        layers += [norm(stage.channels), nn.ReLU(inplace=True)]
        layers += [pool(*stage.pool)] if stage.pool else []
        inputs = stage.channels
    return nn.Sequential(*layers)


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, WIDTH))
