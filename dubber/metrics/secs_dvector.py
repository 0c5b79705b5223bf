"""SECS with the lineage's speaker vectors (Tables 1 to 4)."""

from __future__ import annotations

import numpy as np

from dubber.errors import ClipError
from dubber.metrics.secs import MIN_SECONDS
from dubber.metrics.settings import SecsSettings
from dubber.metrics.similarity import Similarity
from dubber.networks.dvector import Dvector
from dubber.units import SAMPLE_RATE


class DvectorSecs(Similarity):
    """Speaker similarity, cosine x 100, with the clip's own recording in protocol 1.0, with the listed clip in 2.0.

    Raises:
        MissingDataError: a file of the settings is not there.
        DubberError: it is not the published one.
    """

    against = "reference speech"
    scale = 100.0

    def __init__(self, settings: SecsSettings) -> None:
        self._encoder, self.columns = Dvector(settings.weights, settings.wav2mel), (settings.column,)
        self.backend = "dvector" if settings.wav2mel else "dvector, front end written afresh"

    def vector(self, wav: np.ndarray, what: str = "output") -> np.ndarray:
        """The d-vector [256] of wav float32 [samples] at 16 kHz.

        Raises:
            ClipError: there is less than 0.1 s, or only silence.
        """
        if len(wav) < MIN_SECONDS * SAMPLE_RATE:
            raise ClipError(f"the {what} is shorter than {MIN_SECONDS} s")
        try:
            return self._encoder.embed(wav)
        except ClipError as error:
            raise ClipError(f"{error.what} in the {what}") from error
