"""Silero's voice-activity detector (MIT), as the package silero-vad carries it: where somebody speaks.

Only the ONNX file of the package is read: the package itself would import torch.

Shapes: L samples at 16 kHz, K = ceil(L / 512) frames of 32 ms.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from dubber.errors import MissingDataError
from dubber.units import SAMPLE_RATE

FRAME = 512  # samples of one decision
FRAME_SECONDS = FRAME / SAMPLE_RATE
CONTEXT = 64  # samples before a frame that the network hears again
STATE = 128  # width of the LSTM's state
AT_ONCE = 4096  # frames of one call


def speech_probability(wav: np.ndarray) -> np.ndarray:
    """How likely somebody speaks in each frame of wav float32 [L]: float32 [K] in 0..1.

    Raises:
        MissingDataError: the package silero-vad is not installed.
    """
    count = -(-len(wav) // FRAME)
    frames = np.zeros((count, FRAME), np.float32)
    frames.reshape(-1)[: len(wav)] = wav
    before = np.zeros((count, CONTEXT), np.float32)
    before[1:] = frames[:-1, -CONTEXT:]
    state = {name: np.zeros((1, 1, STATE), np.float32) for name in ("h", "c")}
    found = []
    for first in range(0, count, AT_ONCE):
        part = slice(first, first + AT_ONCE)
        heard = np.concatenate([before[part], frames[part]], axis=1)
        probability, state["h"], state["c"] = _network().run(None, {"input": heard, **state})
        found.append(probability.reshape(-1))
    return np.concatenate(found) if found else np.zeros(0, np.float32)


@cache
def _network() -> Any:
    import onnxruntime

    found = find_spec("silero_vad")
    if found is None or found.origin is None:
        raise MissingDataError(
            "The package silero-vad is not installed.", looked_at="silero_vad", hint="pip install silero-vad"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    path = Path(found.origin).with_name("data") / "silero_vad_16k_sequence.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
