"""Metrics that compare one vector of the output with one of a recording, whichever network makes them."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from dubber.metrics.base import Metric, Sample, Score


def cosine(*, reference: np.ndarray, hypothesis: np.ndarray, scale: float = 1.0) -> float:
    """The cosine of two vectors [width], times `scale`."""
    a, b = reference.astype(np.float64), hypothesis.astype(np.float64)
    return float(scale * np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


class Similarity(Metric):
    """A column with the cosine of the output's and a recording's vectors.

    Attributes:
        against: the reference speech of the protocol, or the clip's own recording.
        scale: what the cosine is multiplied by.
    """

    against: ClassVar[Literal["reference speech", "recording"]]
    scale: ClassVar[float] = 1.0

    @abstractmethod
    def vector(self, wav: np.ndarray, what: str = "output") -> np.ndarray:
        """The vector [width] of wav float32 [samples] at 16 kHz.

        Args:
            wav: the sound.
            what: its name in reasons.

        Raises:
            ClipError: the network makes nothing of this sound.
        """

    def score(self, sample: Sample) -> list[Score]:
        other = sample.reference if self.against == "reference speech" else sample.truth
        reference, hypothesis = self.vector(other, self.against), self.vector(sample.hypothesis)
        return [Score(self.columns[0], cosine(reference=reference, hypothesis=hypothesis, scale=self.scale))]
