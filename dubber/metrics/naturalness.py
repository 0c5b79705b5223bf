"""Naturalness without a listener: DNSMOS P.835, overall quality. It is not UTMOS and its column never says so.

The network and its weights come from the package speechmos; only the overall score is computed here, which leaves
out the package's second network (P.808) and its thread pool. The result equals `speechmos.dnsmos.run`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import speechmos

from dubber.errors import ClipError
from dubber.metrics.base import Metric, Sample, Score
from dubber.units import SAMPLE_RATE

WINDOW = 9.01  # s, the network's input
HOP = 1.0  # s
CALIBRATION = np.poly1d([-0.06766283, 1.11546468, 0.04602535])  # published fit from network output to opinion score
OVERALL = 2  # the network's outputs: signal, background, overall


class Dnsmos(Metric):
    """Column "DNSMOS", opinion score 1..5."""

    columns = ("DNSMOS",)
    backend = "speechmos"

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        weights = Path(speechmos.__file__).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
        self._network = onnxruntime.InferenceSession(weights, options)

    def score(self, sample: Sample) -> list[Score]:
        return [Score("DNSMOS", self.overall(sample.hypothesis))]

    def overall(self, wav: np.ndarray) -> float:
        """Mean over the 9 s windows of wav float32 [samples] at 16 kHz; a short clip is repeated.

        Raises:
            ClipError: there is no sample.
        """
        if not len(wav):
            raise ClipError("empty output")
        raw = [self._network.run(None, {"input_1": window[None]})[0][0, OVERALL] for window in windows(wav)]
        return float(np.mean(CALIBRATION(raw)))


def windows(wav: np.ndarray) -> list[np.ndarray]:
    """wav [samples] -> [windows, 9.01 s of samples], one each second; a shorter clip is doubled until one fits."""
    length, hop = int(WINDOW * SAMPLE_RATE), int(HOP * SAMPLE_RATE)
    while len(wav) < length:
        wav = np.concatenate([wav, wav])
    count = int(len(wav) // SAMPLE_RATE - WINDOW) + 1
    return [wav[i * hop : i * hop + length].astype(np.float32) for i in range(count)]
