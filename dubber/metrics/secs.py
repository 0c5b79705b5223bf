"""Speaker encoder cosine similarity (SECS): does the dub sound like the reference speaker? (Tables 1 to 4)."""

from __future__ import annotations

import numpy as np

from dubber.errors import ClipError
from dubber.metrics.similarity import Similarity
from dubber.networks.ge2e import ge2e, speech_only
from dubber.units import SAMPLE_RATE

MIN_SECONDS = 0.1  # less speech than this says nothing about a voice


class Secs(Similarity):
    """Speaker similarity, 0..100. The reference is the clip's own recording in protocol 1.0, the listed clip in 2.0."""

    against = "reference speech"
    scale = 100.0
    backend = "resemblyzer"

    def __init__(self, column: str = "SECS") -> None:
        self._encoder, self.columns = ge2e(), (column,)

    def vector(self, wav: np.ndarray, what: str = "output") -> np.ndarray:
        """The GE2E vector [256] of wav float32 [samples] at 16 kHz, long silences left out.

        Raises:
            ClipError: the voice-activity detector finds no speech.
        """
        speech = speech_only(wav)
        if len(speech) < MIN_SECONDS * SAMPLE_RATE:
            raise ClipError(f"no speech found in the {what}")
        return self._encoder.embed(speech)
