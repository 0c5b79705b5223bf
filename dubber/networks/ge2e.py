"""The GE2E speaker encoder whose weights the package resemblyzer carries: a voice as a vector of length 1.

Only the weights file of the package is read. The package itself would import librosa, which takes four seconds; what is
computed here equals its results.

Shapes: L samples at 16 kHz, M mel frames of 10 ms.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dubber.errors import DubberError
from dubber.networks.mel import Mel
from dubber.units import SAMPLE_RATE

WIDTH = 256
MEL = Mel(window=400, hop=160, bands=40)
PART = 160  # mel frames of a part of an utterance
PARTS_PER_SECOND = 1.3
LEAST_COVERED = 0.75  # of the last part, or it is left out
QUIET = -30.0  # dBFS to which quieter speech is raised
BLOCK = 480  # samples of one decision of the voice-activity detector, 30 ms
SMOOTHED, DILATED = 8, 7  # decisions


class GE2E(nn.Module):
    """Three LSTM layers over mel frames, a linear layer and ReLU on the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MEL.bands, WIDTH, num_layers=3, batch_first=True)
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, mels: Tensor) -> Tensor:
        """mels [parts, 160, 40] -> [parts, 256], each of length 1."""
        _, (hidden, _) = self.lstm(mels)
        return nn.functional.normalize(self.linear(hidden[-1]).relu(), dim=1)

    @torch.inference_mode()
    def embed(self, wav: np.ndarray) -> np.ndarray:
        """The mean over overlapping parts of 1.6 s of wav float32 [L]: float32 [256], of length 1."""
        starts = _starts(len(wav))
        needed = (starts[-1] + PART) * MEL.hop
        mel = MEL.power(np.pad(wav, (0, max(0, needed - len(wav))))).T
        parts = torch.from_numpy(np.stack([mel[start : start + PART] for start in starts]))
        mean = self(parts).mean(0).numpy()
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def _starts(samples: int) -> list[int]:
    """First mel frames of the parts; the last is left out where less than three quarters of it are sound."""
    frames = -(-(samples + 1) // MEL.hop)
    step = round(SAMPLE_RATE / PARTS_PER_SECOND / MEL.hop)
    starts = list(range(0, max(1, frames - PART + step + 1), step))
    covered = (samples - starts[-1] * MEL.hop) / (PART * MEL.hop)
    return starts[:-1] if covered < LEAST_COVERED and len(starts) > 1 else starts


@cache
def ge2e() -> GE2E:
    """The encoder with the published weights.

    Raises:
        DubberError: the package resemblyzer is not installed.
    """
    found = find_spec("resemblyzer")
    if found is None or found.origin is None:
        raise DubberError("The package resemblyzer is not installed.", hint="pip install resemblyzer")
    stored = torch.load(Path(found.origin).parent / "pretrained.pt", map_location="cpu", weights_only=True)
    weights = {name: value for name, value in stored["model_state"].items() if not name.startswith("similarity_")}
    encoder = GE2E()
    encoder.load_state_dict(weights)
    return encoder.eval()


def speech_only(wav: np.ndarray) -> np.ndarray:
    """wav float32 [L], quiet speech raised and long silences left out by WebRTC's voice-activity detector.

    Silence [L] comes back empty.
    """
    if not np.any(wav):
        return np.zeros(0, np.float32)
    gain = 10 ** (QUIET / 20) / np.sqrt(np.mean(np.square(wav, dtype=np.float64)))
    raised = (wav * np.float32(max(gain, 1.0)))[: len(wav) - len(wav) % BLOCK]
    return raised[np.repeat(_active(raised), BLOCK)]


def _active(wav: np.ndarray) -> np.ndarray:
    """bool [L / 480]: voice in a block, smoothed over neighbours, with the pauses between words kept."""
    import _webrtcvad  # the package's own module imports pkg_resources for no more than a version

    detector = _webrtcvad.create()
    _webrtcvad.init(detector)
    _webrtcvad.set_mode(detector, 3)
    pcm = np.round(wav * 32767).astype(np.int16).reshape(-1, BLOCK)
    flags = np.array([_webrtcvad.process(detector, SAMPLE_RATE, block.tobytes(), BLOCK) for block in pcm], float)
    padded = np.concatenate([np.zeros((SMOOTHED - 1) // 2), flags, np.zeros(SMOOTHED // 2)])
    smoothed = np.convolve(padded, np.ones(SMOOTHED) / SMOOTHED, mode="valid").round()
    return np.convolve(smoothed, np.ones(DILATED), mode="same")[: len(flags)] > 0
