"""The interface of every metric.

A metric judges one clip at a time. It never sees the name of the system, and it compares through functions whose
`reference` and `hypothesis` are keyword-only, so that the two cannot be swapped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Sample:
    """One dubbed clip and all that it may be compared with. Audio is float32 in -1..1 at 16 kHz.

    Attributes:
        clip: the clip's name.
        text: what should be said.
        hypothesis: the system's audio [samples].
        truth: the clip's own recording [samples].
        reference: the reference speech of the protocol [samples]: in 1.0 the clip's own, in 2.0 another clip's.
        seconds: wall time of the synthesis; None where nothing was synthesised.
        lips: F JPEG images of the clip's lip crops, grey; None where there are none or no metric asks for them.
        faces: F JPEG images of the clip's face crops, colour; None likewise.
    """

    clip: str
    text: str
    hypothesis: np.ndarray
    truth: np.ndarray
    reference: np.ndarray
    seconds: float | None = None
    lips: Sequence[bytes] | None = None
    faces: Sequence[bytes] | None = None


@dataclass(frozen=True)
class Score:
    """One number of one clip.

    Attributes:
        column: the table's column, such as "WER".
        value: None where the metric failed on this clip.
        weight: the denominator of a corpus-level ratio (words, seconds); 1 for a plain mean over clips.
        reason: why the clip counts as failed; None for a clip that did not fail.
    """

    column: str
    value: float | None
    weight: float = 1.0
    reason: str | None = None


class Metric(ABC):
    """A loaded metric.

    Attributes:
        columns: the table columns that it fills.
        backend: the model or package that makes the numbers; printed beside each of them.
        images: the columns of the crops artifact that it looks at; only these are read.
    """

    columns: tuple[str, ...]
    backend: str
    images: tuple[Literal["lips", "faces"], ...] = ()

    @abstractmethod
    def score(self, sample: Sample) -> list[Score]:
        """Judge one clip: one score per column.

        Raises:
            ClipError: the clip cannot be judged (no speech in it, no voiced frame).
        """

    def failed(self, text: str, reason: str) -> list[Score]:
        """What a clip without usable output scores: no value, and the reason why."""
        return [Score(column, None, reason=reason) for column in self.columns]
