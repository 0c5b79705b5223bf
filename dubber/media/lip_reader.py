"""Lip features by the published lip-reading ResNet-18.

Shapes: F video frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from dubber.files import file_digest
from dubber.media.feature_streams import Stream, StreamFeatures, as_half
from dubber.media.pictures import read_grey
from dubber.media.settings import LIPREADING_WIDTH, LipReadingStream
from dubber.networks.lip_reading import SIDE, load_lipreading


class LipReader(Stream):
    """The network on the middle of the grey lip crops.

    Raises:
        MissingDataError: its weights are missing.
        DubberError: the file is not the published one.
    """

    columns = ("lips",)
    width = LIPREADING_WIDTH

    def __init__(self, settings: LipReadingStream) -> None:
        self.network = load_lipreading(settings.weights, settings.activation)
        self.made_by = f"resnet18 {file_digest(settings.weights)}"

    def of(self, crops: Mapping[str, Any]) -> StreamFeatures:
        with torch.inference_mode():
            values = self.network(torch.from_numpy(mouth_middles(crops["lips"], SIDE)).float()).numpy()
        return StreamFeatures(as_half(values, "lip"), self.made_by)


def mouth_middles(jpegs: list[bytes], side: int) -> np.ndarray:
    """The middle of F grey pictures: uint8 [F, side, side]."""
    pictures = np.empty((len(jpegs), side, side), np.uint8)
    for i, jpeg in enumerate(jpegs):
        picture = read_grey(jpeg)
        top, left = ((size - side) // 2 for size in picture.shape)
        pictures[i] = picture[top : top + side, left : left + side]
    return pictures
