"""The interface that every codec implements."""

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
    """Speech as six streams of codes and a speaker vector, and back. Its rates and sizes are asked, never assumed."""

    @property
    def name(self) -> str:
        """The backend that a result names: "world" or "facodec"."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hz."""
        ...

    @property
    def token_rate(self) -> int:
        """Tokens per second."""
        ...

    @property
    def streams(self) -> int:
        """6, in the order p, c1, c2, a1, a2, a3."""
        ...

    @property
    def vocab(self) -> int:
        """V, codes per stream."""
        ...

    @property
    def speaker_dim(self) -> int:
        """S, width of the speaker vector."""
        ...

    def encode(self, wav: np.ndarray) -> Tokens:
        """wav float32 [samples] in -1..1 -> `Tokens` with T = round(samples * token_rate / sample_rate)."""
        ...

    def decode(self, ids: np.ndarray, speaker: np.ndarray) -> np.ndarray:
        """ids [6, T], speaker [S] -> float32 [T * sample_rate / token_rate] in -1..1.

        Of drafts [J, 6, T] of one utterance the mean is spoken, taken where means of speech make sense: of what the
        codes mean, not of samples.
        """
        ...
