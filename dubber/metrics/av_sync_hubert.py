"""AVSync by the published AV-HuBERT Large: does the clip, with the dub for sound, look and sound as the real one does?

As AlignDiT measures it: the network is given the clip's lips twice, with the clip's own recording and with the dub; the
last layer's vectors are compared frame by frame. The lip crops are ours: see docs/reference/metrics.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dubber.errors import ClipError
from dubber.media.pictures import read_grey
from dubber.metrics.av_sync import mean_cosine
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import AvSyncSettings
from dubber.networks.av_hubert import BANDS, SIDE, load_av_hubert
from dubber.networks.mfcc import FILTERS, log_energies
from dubber.units import FULL_SCALE

STACKED = BANDS // FILTERS  # audio frames of 10 ms in a video frame
CROP = 96  # pixels of the lip crop, of which the middle is used
MEAN, SPREAD = 0.421, 0.165  # of the grey values of the training's lips, in 0..1


class AvHubertSync(Metric):
    """Column "AVSync", -1..1: exactly 1 for the clip's own recording.

    Raises:
        MissingDataError: the published weights are missing.
        DubberError: the file does not hold the published weights.
    """

    columns = ("AVSync",)
    backend = "avhubert:large_vox_iter5"
    images = ("lips",)

    def __init__(self, settings: AvSyncSettings) -> None:
        self._network = load_av_hubert(settings.weights)

    @torch.inference_mode()
    def score(self, sample: Sample) -> list[Score]:
        if not sample.lips:
            raise ClipError("no lip crops")
        seen = self._network.see(read_lips(sample.lips).unsqueeze(0))
        reference = self._frames(seen, sample.truth, "recording")
        hypothesis = self._frames(seen, sample.hypothesis, "output")
        return [Score("AVSync", mean_cosine(reference=reference, hypothesis=hypothesis))]

    def _frames(self, seen: Tensor, wav: np.ndarray, what: str) -> Tensor:
        """Lips as the network sees them [1, F, 1024] and sound [samples] at 16 kHz -> vectors [F, 1024]."""
        if not len(wav):
            raise ClipError(f"the {what} has no sample")
        heard = self._network.hear(read_bands(wav, seen.shape[1]).unsqueeze(0))
        return self._network(seen, heard)[0]


def read_lips(jpegs: Sequence[bytes]) -> Tensor:
    """F JPEG images -> float32 [F, 88, 88], the middle of the crop; scaled bilinearly first where it is not 96."""
    images = [read_grey(jpeg) for jpeg in jpegs]
    scaled = np.stack([cv2.resize(image, (CROP, CROP), interpolation=cv2.INTER_LINEAR) for image in images])
    edge = (CROP - SIDE) // 2
    middle = scaled[:, edge : edge + SIDE, edge : edge + SIDE].astype(np.float64) / 255
    return torch.from_numpy(((middle - MEAN) / SPREAD).astype(np.float32))


def read_bands(wav: np.ndarray, frames: int) -> Tensor:
    """wav float32 [samples] in -1..1 at 16 kHz -> float32 [frames, 104]: 4 times 26 log energies, normalised together.

    As published, what is missing after the end counts as energies of 1, whose logarithm is 0.
    """
    integers = wav.astype(np.float64) * FULL_SCALE  # as published, of 16-bit samples
    energies = log_energies(integers)[: frames * STACKED].astype(np.float32)
    filled = np.pad(energies, ((0, frames * STACKED - len(energies)), (0, 0)))
    return functional.layer_norm(torch.from_numpy(filled.reshape(frames, BANDS)), (BANDS,))
