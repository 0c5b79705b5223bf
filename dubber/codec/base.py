"""The one interface behind which every codec stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Tokens:
    """A clip in the codec's language.

    Attributes:
        ids: int64 [6, T], streams in the order p, c1, c2, a1, a2, a3, values in 0..V-1.
        speaker: float32 [S], the timbre vector.
    """

    ids: np.ndarray
    speaker: np.ndarray


class Codec(Protocol):
    """SPEC.md 7. Rates and sizes are properties, never literals elsewhere."""

    name: str  # which backend made a result: "world", "facodec"
    sample_rate: int  # Hz
    token_rate: int  # tokens per second
    streams: int  # 6
    vocab: int  # V, codes per stream
    speaker_dim: int  # S

    def encode(self, wav: np.ndarray) -> Tokens:
        """wav float32 [samples] in -1..1 -> `Tokens` with T = round(samples * token_rate / sample_rate)."""
        ...

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        """ids [6, T], speaker [S] -> float32 [T * sample_rate / token_rate] in -1..1.

        Of drafts [J, 6, T] of one utterance the mean is spoken, taken where means of speech make sense: of what the
        codes stand for, not of samples.
        """
        ...
