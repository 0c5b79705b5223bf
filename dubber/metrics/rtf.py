"""Real-time factor: wall time of synthesis over audio length, video preprocessing excluded (Table 4)."""

from __future__ import annotations

from dubber.metrics.base import Metric, Sample, Score
from dubber.units import SAMPLE_RATE


class Rtf(Metric):
    """Column "RTF"; weight = seconds of audio, so the table's value is total time over total audio.

    A system without a synthesis time (ground truth, audio made elsewhere) has no row.
    """

    columns = ("RTF",)
    backend = "clock"

    def score(self, sample: Sample) -> list[Score]:
        if not sample.seconds:
            return []
        length = len(sample.hypothesis) / SAMPLE_RATE
        return [Score("RTF", sample.seconds / length, weight=length)]

    def failed(self, text: str, reason: str) -> list[Score]:
        """A failed clip has no time; other columns count it."""
        return []
