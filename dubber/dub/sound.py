"""The sound of a dubbed video: new speech in its places, and around it the original sound or silence."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from dubber.media.audio import sound_blocks
from dubber.media.source import opened, sound_stream

FADE = 0.02  # s in which the original sound goes before new speech, and comes back after it


@dataclass(frozen=True)
class Piece:
    """Speech that was made.

    Attributes:
        name: of its cue.
        text: the words.
        start: s from the first picture.
        samples: float32 [n] in -1..1, mono, at the codec's rate.
    """

    name: str
    text: str
    start: float
    samples: np.ndarray


@dataclass(frozen=True)
class Original:
    """The sound of a video.

    Attributes:
        path: the video.
        rate: Hz.
        channels: 1, or 2 where there are more.
    """

    path: Path
    rate: int
    channels: int


def original_sound(path: Path | str) -> Original | None:
    """The sound of a file; None where it has none."""
    with opened(path) as container:
        if not container.streams.audio:
            return None
        context = sound_stream(container).codec_context
        return Original(Path(path), context.sample_rate, min(2, context.channels))


@dataclass(frozen=True)
class DubbedSound:
    """`dubber.media.remux.Track` of speech and background; decoded, mixed and given away block by block.

    Attributes:
        pieces: in their order in time; they do not overlap.
        piece_rate: Hz of their samples.
        duration: s of the whole.
        background: the sound around them; None is silence.
    """

    pieces: Sequence[Piece]
    piece_rate: int
    duration: float
    background: Original | None

    @property
    def rate(self) -> int:
        return max(self.background.rate, self.piece_rate) if self.background else self.piece_rate

    @property
    def channels(self) -> int:
        return self.background.channels if self.background else 1

    def blocks(self, rate: int) -> Iterator[np.ndarray]:
        """float32 [channels, n] in -1..1 at `rate` Hz."""
        placed = _Placed(self.pieces, self.piece_rate, rate)
        done, length = 0, max(round(self.duration * rate), placed.end)
        for block in self._around(rate, length):
            block = block[:, : length - done]
            if block.shape[1]:
                yield placed.mixed(block, done)
            done += block.shape[1]

    def _around(self, rate: int, length: int) -> Iterator[np.ndarray]:
        """What is heard around the pieces, followed by silence up to `length` samples at the least."""
        sounds: Iterable[np.ndarray] = (
            sound_blocks(self.background.path, rate, self.channels) if self.background else ()
        )
        done = 0
        for block in sounds:
            yield np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
            done += block.shape[1]
            if done >= length:
                return
        for start in range(done, length, rate):
            yield np.zeros((self.channels, min(rate, length - start)), np.float32)


class _Placed:
    """Pieces at one sampling rate; each is resampled when it is first needed, and only the last is kept."""

    def __init__(self, pieces: Sequence[Piece], piece_rate: int, rate: int) -> None:
        self.pieces, self.piece_rate, self.rate = pieces, piece_rate, rate
        self.starts = [round(piece.start * rate) for piece in pieces]
        self.ends = [
            start + round(len(piece.samples) * rate / piece_rate)
            for start, piece in zip(self.starts, pieces, strict=True)
        ]
        self._last: tuple[int, np.ndarray] | None = None

    @property
    def end(self) -> int:
        return max(self.ends, default=0)

    def mixed(self, block: np.ndarray, at: int) -> np.ndarray:
        """The block [channels, n] that begins at sample `at`, with the pieces in place of what was there."""
        fade, stop = max(1, round(FADE * self.rate)), at + block.shape[1]
        for i in range(bisect_left(self.ends, at - fade), len(self.pieces)):
            if self.starts[i] - fade >= stop:
                break
            time = np.arange(at, stop)
            outside = np.maximum(self.starts[i] - time, time - (self.ends[i] - 1))
            block = block * np.clip(outside / fade, 0, 1).astype(np.float32)
            first, last = max(at, self.starts[i]), min(stop, self.ends[i])
            if first < last:
                block[:, first - at : last - at] += self._samples(i)[first - self.starts[i] : last - self.starts[i]]
        return np.clip(block, -1, 1)

    def _samples(self, i: int) -> np.ndarray:
        if self._last is None or self._last[0] != i:
            samples, length = self.pieces[i].samples, self.ends[i] - self.starts[i]
            made = samples if self.rate == self.piece_rate else soxr.resample(samples, self.piece_rate, self.rate)
            self._last = i, np.pad(made[:length], (0, max(0, length - len(made))))
        return self._last[1]
