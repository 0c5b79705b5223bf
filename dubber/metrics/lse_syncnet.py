"""Lip-sync error by the published SyncNet v2: LSE-C and LSE-D of the dub with the clip's own face (Tables 1 to 4).

As in the published evaluation: sound and video are cut to the shorter of the two, one window starts at every frame of
40 ms but the last possible one, and the embeddings go to `dubber.metrics.sync.sync_score`. The face crops are ours:
see docs/reference/metrics.md for how they differ from the published ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from dubber.errors import ClipError
from dubber.media.pictures import read_colour
from dubber.metrics.base import Metric, Sample, Score
from dubber.metrics.settings import SyncSettings
from dubber.metrics.sync import SyncScore, sync_score
from dubber.networks.mfcc import mfcc
from dubber.networks.syncnet import CEPSTRA, FRAMES, SIDE, load_syncnet
from dubber.units import FRAME_SAMPLES, FULL_SCALE

HOPS = 4  # cepstra of a video frame
BATCH = 20  # windows at a time


class SyncnetLse(Metric):
    """Columns "LSE-C" and "LSE-D" on the scale of SyncNet v2.

    Raises:
        MissingDataError: the published weights are missing.
        DubberError: the file does not hold the published weights.
    """

    columns = ("LSE-C", "LSE-D")
    backend = "syncnet_v2"
    images = ("faces",)

    def __init__(self, settings: SyncSettings) -> None:
        self._network = load_syncnet(settings.weights)
        self._max_shift = settings.max_shift

    def score(self, sample: Sample) -> list[Score]:
        if sample.faces is None:
            raise ClipError("no face crops")
        found = self.measure(faces=sample.faces, wav=sample.hypothesis)
        return [Score("LSE-C", found.confidence), Score("LSE-D", found.distance)]

    @torch.inference_mode()
    def measure(self, *, faces: Sequence[bytes], wav: np.ndarray) -> SyncScore:
        """F JPEG face crops against wav float32 [samples] in -1..1 at 16 kHz.

        Raises:
            ClipError: sound or video is shorter than 6 video frames.
        """
        count = min(len(faces), len(wav) // FRAME_SAMPLES) - FRAMES  # one less than would fit, as published
        if count < 1:
            raise ClipError(
                f"{len(faces)} video frames and {len(wav)} samples: SyncNet needs {FRAMES + 1} frames with sound"
            )
        starts = range(0, count, BATCH)
        cepstra = cepstrum_windows(wav, count)
        audio = [self._network.audio(cepstra[start : start + BATCH]) for start in starts]
        video = [
            self._network.video(read_faces(faces[start : min(start + BATCH, count) + FRAMES - 1])) for start in starts
        ]
        return sync_score(video=torch.cat(video).numpy(), audio=torch.cat(audio).numpy(), max_shift=self._max_shift)


def read_faces(jpegs: Sequence[bytes]) -> Tensor:
    """F JPEG images -> float32 [F, 3, 224, 224], 0..255, blue, green, red; scaled bilinearly where they are not 224."""
    images = [read_colour(jpeg) for jpeg in jpegs]
    scaled = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for image in images])
    return torch.from_numpy(scaled).permute(0, 3, 1, 2).float()


def cepstrum_windows(wav: np.ndarray, count: int) -> Tensor:
    """wav float32 [samples] in -1..1 -> float32 [count, 13, 20], one window from every video frame's first sample."""
    cepstra = mfcc(wav.astype(np.float64) * FULL_SCALE)  # as published, of 16-bit integers
    windows = np.lib.stride_tricks.sliding_window_view(cepstra, CEPSTRA[1], axis=1)[:, : count * HOPS : HOPS]
    return torch.from_numpy(np.ascontiguousarray(windows.transpose(1, 0, 2), dtype=np.float32))
