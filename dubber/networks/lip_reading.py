"""The lip-reading network's front end: the published ResNet-18 that turns mouth pictures into vectors of 512.

Keys and shapes are those of the published file's entry `model_state_dict`, without the words' classifier behind it
(`tcn`). Martinez et al., "Lipreading using temporal convolutional networks", 2020, trained on LRW. Its licence allows
comparison and benchmarking only; nothing of its code is here. Shapes: F video frames at 25 a second, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dubber.networks.published_weights import Published, load_published

PUBLISHED = Published(
    model="the lip-reading ResNet-18",
    file="lrw_resnet18_mstcn_video.pth",
    group="lipreading",
    source="mpc001/Lipreading_using_Temporal_Convolutional_Networks, model zoo: resnet18_mstcn_video",
    part="model_state_dict",
    skipped=("tcn",),
)
WIDTH = 512
SIDE = 88  # pixels of the mouth picture
MEAN, SPREAD = 0.421, 0.165  # of the pictures that it was trained on, black 0 and white 1
REACH = 2  # frames before and after that a frame's vector depends on
RUN = 64  # frames computed at a time
ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {"swish": lambda _: nn.SiLU(), "prelu": nn.PReLU}


class LipReadingNetwork(nn.Module):
    """Mouth pictures [F, 88, 88], 0..255 -> [F, 512].

    Args:
        activation: "swish" as in the weights of 2022, "prelu" as in those before them.
    """

    def __init__(self, activation: str = "swish") -> None:
        super().__init__()
        active = ACTIVATIONS[activation]
        self.frontend3D = nn.Sequential(
            nn.Conv3d(1, 64, (1 + 2 * REACH, 7, 7), (1, 2, 2), (0, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            active(64),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.trunk = Trunk(active)

    def forward(self, pictures: Tensor) -> Tensor:
        """pictures [F, 88, 88] -> [F, 512].

        All frames at once or in runs is the same: only the first layer looks along time, and it sees `REACH`.
        """
        scaled = (pictures / 255 - MEAN) / SPREAD
        padded = functional.pad(scaled, (0, 0, 0, 0, REACH, REACH))
        starts = range(0, len(pictures), RUN)
        return torch.cat([self._run(padded[start : start + RUN + 2 * REACH]) for start in starts])

    def _run(self, padded: Tensor) -> Tensor:
        """[F + 4, 88, 88] -> [F, 512]."""
        maps = self.frontend3D(padded[None, None])[0]  # [64, F, 22, 22]
        return self.trunk(maps.transpose(0, 1))


class Trunk(nn.Module):
    """The residual stages, then the mean over the picture: [F, 64, 22, 22] -> [F, 512]."""

    def __init__(self, active: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(Residual(64, 64, active), Residual(64, 64, active))
        self.layer2 = nn.Sequential(Residual(64, 128, active), Residual(128, 128, active))
        self.layer3 = nn.Sequential(Residual(128, 256, active), Residual(256, 256, active))
        self.layer4 = nn.Sequential(Residual(256, WIDTH, active), Residual(WIDTH, WIDTH, active))

    def forward(self, maps: Tensor) -> Tensor:
        return self.layer4(self.layer3(self.layer2(self.layer1(maps)))).mean((2, 3))


class Residual(nn.Module):
    """Two convolutions and the way around them; where the channels grow, the picture is halved.

    [F, C in, side, side] -> [F, C out, side, side], or half the side.
    """

    def __init__(self, inputs: int, outputs: int, active: Callable[[int], nn.Module]) -> None:
        super().__init__()
        grows = inputs != outputs
        stride = 2 if grows else 1
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = active(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = active(outputs)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)) if grows else None
        )

    def forward(self, maps: Tensor) -> Tensor:
        around = self.downsample(maps) if self.downsample else maps
        within = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(maps)))))
        return self.relu2(within + around)


def load_lipreading(path: Path | str, activation: str = "swish") -> LipReadingNetwork:
    """The published network, ready to use.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it does not hold exactly the published keys and shapes for this activation.
    """
    network = LipReadingNetwork(activation)
    load_published(network, path, PUBLISHED)
    return network
