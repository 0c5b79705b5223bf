"""Progress of the reading of a video, in frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dubber.artifacts import Progress
from dubber.media.crops import MOTION_FRAMES, Frames
from dubber.media.video import Span, read_frames

BEYOND = 1.0  # s that are read beyond the longest possible span, to see that it is too long


class WatchedVideo:
    """The frames of spans of a video, counted as they are read.

    Args:
        fps: frames per second.
        longest: s; no more of a span is read, but for a little.
        spans: those that will be read, for the time left.
    """

    def __init__(self, path: Path | str, fps: int, longest: float, spans: Sequence[Span]) -> None:
        self.path, self.fps, self.longest = path, fps, longest
        lengths = [round((self._read(span).end - span.start) * fps) for span in spans]
        self.total = sum(2 * n + min(n, MOTION_FRAMES) for n in lengths)  # as `crop_frames` reads them
        self.progress = Progress("faces: frames", self.total)

    def _read(self, span: Span) -> Span:
        last = span.start + self.longest + BEYOND
        return Span(span.start, last if span.end is None else min(span.end, last))

    def frames(self, span: Span) -> Frames:
        """A function that begins to read the span whenever it is called: uint8 [height, width, 3] RGB, upright."""

        def read() -> Iterator[np.ndarray]:
            for frame in read_frames(self.path, self.fps, self._read(span)):
                if self.progress.done < self.total:
                    self.progress.advance()
                yield frame

        return read
