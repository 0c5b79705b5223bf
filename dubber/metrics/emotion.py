"""Emotion similarity (Table 5): does the dub express what the clip's own recording expresses?"""

from __future__ import annotations

import numpy as np
import torch

from dubber.errors import ClipError
from dubber.metrics.settings import EmotionSettings
from dubber.metrics.similarity import Similarity
from dubber.networks.emotion2vec import load_emotion2vec
from dubber.networks.wav2vec2 import SHORTEST


class EmotionSimilarity(Similarity):
    """Column "Emo-SIM", -1..1: cosine of the mean emotion2vec frames of output and recording, in both protocols.

    Raises:
        MissingDataError: the published weights are missing.
        DubberError: the file does not hold the published weights.
    """

    columns = ("Emo-SIM",)
    against = "recording"
    backend = "emotion2vec_plus_large"

    def __init__(self, settings: EmotionSettings) -> None:
        self._network = load_emotion2vec(settings.weights)

    @torch.inference_mode()
    def vector(self, wav: np.ndarray, what: str = "output") -> np.ndarray:
        """The utterance's vector [1024] of wav float32 [samples] at 16 kHz: the mean over its frames.

        Raises:
            ClipError: the clip is shorter than one frame of 25 ms.
        """
        if len(wav) < SHORTEST:
            raise ClipError(f"{len(wav)} samples of the {what} are fewer than the {SHORTEST} that emotion2vec needs")
        frames = self._network(torch.from_numpy(np.array(wav, dtype=np.float32)).unsqueeze(0))
        return frames[0].mean(0).numpy()
