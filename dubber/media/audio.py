"""Sound: any file in, 16 kHz mono out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from av.container import InputContainer

from dubber.errors import ClipError
from dubber.files import MAX_SOUND_SECONDS, atomic_path
from dubber.media.source import opened, picture_start, sound_stream
from dubber.units import FULL_SCALE, SAMPLE_RATE

MIN_SECONDS = 0.1
GAP = 0.05  # s by which the time stamps of sound may be off before they count
MAX_LOST_SHARE = 0.1  # of the length that the container promises
MOST_LOST = 9.0  # dB by which the mean of the channels may be weaker than the strongest of them
STEREO = {
    **{"FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (0.71, 0.71), "LFE": (0.0, 0.0)},
    **{"BL": (0.71, 0.0), "BR": (0.0, 0.71), "SL": (0.71, 0.0), "SR": (0.0, 0.71), "BC": (0.5, 0.5)},
}
"""What the left and the right get of a channel, by FFmpeg's names."""
TINY = 1e-20  # keeps logarithms of silence finite


@dataclass(frozen=True)
class Sound:
    """Decoded sound.

    Attributes:
        samples: float32 [n] in -1..1 at `SAMPLE_RATE`, in the steps of 16-bit PCM in which corpora are stored.
        source_rate: Hz, before resampling.
        channels: of the file.
        channel: the one that was taken alone, from 0; None for the mean of all.
    """

    samples: np.ndarray
    source_rate: int
    channels: int
    channel: int | None = None


def read_audio(path: Path | str, longest: float | None = None, most_lost: float = MOST_LOST) -> Sound:
    """Decode a media file's sound to 16 kHz mono; time zero is the first picture, if there are any.

    Mono is the mean of the channels. Where they cancel each other, as if one is the other's negative, the strongest is
    taken alone.

    Args:
        longest: s after which the rest is left out; None where a sound of more than an hour is an error.
        most_lost: dB by which the mean may be weaker than the strongest channel. Of two channels, one of which is
            silent, the mean is 6 dB weaker.

    Raises:
        ClipError: no such file, no sound, nearly nothing of it, too much, or a stream that breaks off.
    """
    heard = _hear(path, longest, None)
    if heard.seconds < MIN_SECONDS:
        raise ClipError(f"only {heard.seconds:.2f} s of sound can be decoded")
    promised = min(heard.promised, longest or heard.promised)
    if heard.start + heard.seconds < (1 - MAX_LOST_SHARE) * promised - MIN_SECONDS:
        raise ClipError(f"damaged: {heard.seconds:.2f} s of sound where the file promises {heard.promised:.2f} s")
    if not np.isfinite(heard.samples).all():
        raise ClipError("damaged: the sound holds values that are not numbers")
    channel = heard.strongest if heard.lost > most_lost else None
    samples = heard.samples if channel is None else _hear(path, longest, channel).samples
    return Sound(from_pcm(to_pcm(samples)), heard.rate, len(heard.powers) - 1, channel)


@dataclass
class _Heard:
    """A sound at 16 kHz mono, and facts of the file.

    Attributes:
        samples: float32 [n].
        rate: Hz of the file.
        start: time stamp (s) of the first sound.
        seconds: of sound that was decoded, gaps left out.
        promised: s that the container tells, 0 if it does not.
        powers: sums of squares of the mean, then of each channel.
    """

    rate: int = SAMPLE_RATE
    start: float = 0.0
    seconds: float = 0.0
    promised: float = 0.0
    powers: np.ndarray = field(default_factory=lambda: np.zeros(2))
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    @property
    def strongest(self) -> int:
        """The number of a channel."""
        return int(np.argmax(self.powers[1:]))

    @property
    def lost(self) -> float:
        """dB by which the mean is weaker than the strongest channel."""
        return 10 * np.log10((self.powers[1 + self.strongest] + TINY) / (self.powers[0] + TINY))


def _hear(path: Path | str, longest: float | None, channel: int | None) -> _Heard:
    """The mean of the channels, or one of them."""
    heard, made, resample = _Heard(), [], None
    with opened(path) as container:
        heard.promised = float(container.duration or 0) / av.time_base
        for part in _parts(container, sound_stream(container), None):
            if resample is None:
                heard = _Heard(part.rate, part.start, promised=heard.promised, powers=np.zeros(1 + len(part.planes)))
                resample = Resampler(part.rate, SAMPLE_RATE, 1)
            mean = part.planes.mean(0, keepdims=True)
            made.append(resample(mean if channel is None else part.planes[channel : channel + 1]))
            heard.seconds += part.decoded / part.rate
            heard.powers += np.square(np.concatenate([mean, part.planes]), dtype=np.float64).sum(1)
            if part.end > (longest or MAX_SOUND_SECONDS):
                if longest is None:
                    raise ClipError(f"longer than the {MAX_SOUND_SECONDS} s of sound that are read")
                break
    if resample is not None:
        heard.samples = np.concatenate([*made, resample.rest()], axis=1)[0]
    if longest is not None:
        heard.samples = heard.samples[: round(longest * SAMPLE_RATE)]
    return heard


def sound_blocks(path: Path | str, rate: int, channels: int) -> Iterator[np.ndarray]:
    """Decode the sound of a file in bounded memory; time zero is the first picture, if there are any.

    Gaps in the time stamps become silence.

    Args:
        rate: Hz of the output.
        channels: 1 or 2 of the output.

    Yields:
        float32 [channels, n].

    Raises:
        ClipError: no such file, no sound, or a stream that breaks off.
    """
    resample: Resampler | None = None
    with opened(path) as container:
        for part in _parts(container, sound_stream(container), channels):
            resample = resample or Resampler(part.rate, rate, channels)
            yield resample(part.planes)
    if resample is not None:
        yield resample.rest()


class Resampler:
    """The one resampler of the package (soxr, high quality), block by block.

    Args:
        source, target: Hz.
        channels: of the blocks.
    """

    def __init__(self, source: int, target: int, channels: int) -> None:
        self.channels = channels
        self._stream = None if source == target else soxr.ResampleStream(source, target, channels, dtype="float32")

    def __call__(self, block: np.ndarray, *, last: bool = False) -> np.ndarray:
        """float32 [channels, n] -> [channels, m]; what is still inside comes later."""
        if self._stream is None:
            return block
        made = self._stream.resample_chunk(np.ascontiguousarray(block.T), last=last)
        return np.ascontiguousarray(made.reshape(-1, self.channels).T)

    def rest(self) -> np.ndarray:
        """What is still inside: [channels, m]."""
        return self(np.zeros((self.channels, 0), np.float32), last=True)


@dataclass(frozen=True)
class _Part:
    """A stretch of sound at the file's own rate.

    Attributes:
        planes: float32 [channels, n].
        rate: Hz.
        decoded: samples that were decoded for it: 0 where the time stamps leave a gap, more than n where it overlaps.
        start: the time stamp (s) of the file's first sound.
        end: s from the first picture to the end of this part.
    """

    planes: np.ndarray
    rate: int
    decoded: int
    start: float
    end: float


def _parts(container: InputContainer, stream: av.AudioStream, channels: int | None) -> Iterator[_Part]:
    """The sound from the first picture on, its gaps filled with silence; `channels` as for `_Planes`."""
    zero, start = picture_start(container), None
    planes_of, done = _Planes(channels), 0
    for frame in container.decode(stream):
        planes, rate = planes_of(frame), planes_of.rate
        decoded, time = planes.shape[1], frame.time
        start = (time or 0.0) if start is None else start
        if time is not None:
            zero = time if zero is None else zero
            off = round((time - zero) * rate) - done
            if abs(off) > (GAP * rate if done else 0):
                for first in range(0, off, rate):
                    gap = np.zeros((len(planes), min(rate, off - first)), np.float32)
                    done += gap.shape[1]
                    yield _Part(gap, rate, 0, start, done / rate)
                planes = planes[:, max(0, -off) :]
        done += planes.shape[1]
        yield _Part(planes, rate, decoded, start, done / rate)


class _Planes:
    """Frames as float32 [channels, n], all at the rate and with the channels of the first.

    Args:
        channels: 1, 2, or None for those of the file.
    """

    def __init__(self, channels: int | None) -> None:
        self.channels, self.rate = channels, 0
        self._as_floats: dict[tuple[str, str, int], av.AudioResampler] = {}

    def __call__(self, frame: av.AudioFrame) -> np.ndarray:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in self._as_floats:  # a stream may change on the way
            self._as_floats = {kind: av.AudioResampler("fltp", None, frame.sample_rate)}
        planes = np.concatenate([part.to_ndarray() for part in self._as_floats[kind].resample(frame)], axis=1)
        self.rate = self.rate or frame.sample_rate
        if frame.sample_rate != self.rate:
            planes = soxr.resample(planes.T, frame.sample_rate, self.rate).reshape(-1, len(planes)).T
        self.channels = self.channels or len(planes)
        if len(planes) == self.channels:
            return planes
        if self.channels == 2:
            return stereo_weights(frame.layout).astype(np.float32) @ planes
        return np.repeat(planes.mean(0, keepdims=True), self.channels, axis=0)


def stereo_weights(layout: av.AudioLayout) -> np.ndarray:
    """[2, channels]: what the left and the right get of each channel; the sum of each is one at most."""
    names = [channel.name for channel in layout.channels]
    sides = [STEREO.get(name, ((0.5, 0.0), (0.0, 0.5))[place % 2]) for place, name in enumerate(names)]
    weights = np.array(sides).T if len(names) > 1 else np.ones((2, 1))
    return weights / max(1.0, weights.sum(1).max())


def loudest(samples: np.ndarray, seconds: float = 0.05) -> float:
    """The level (dBFS) of the loudest stretch of `seconds` in samples [n] at `SAMPLE_RATE`, n at least one stretch."""
    size = round(SAMPLE_RATE * seconds)
    stretches = samples[: len(samples) // size * size].astype(np.float64).reshape(-1, size)
    return float(10 * np.log10(np.max(np.mean(stretches**2, axis=1)) + TINY))


def shift(samples: np.ndarray, late: int) -> np.ndarray:
    """samples [n] -> [n + late]: `late` zeros before them, or the first `-late` cut off."""
    return np.pad(samples, (late, 0)) if late > 0 else samples[-late:]


def fit(samples: np.ndarray, length: int) -> np.ndarray:
    """samples [n] -> [length]: cut, or padded with zeros."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def to_pcm(samples: np.ndarray) -> np.ndarray:
    """float [n] in -1..1 -> int16 [n]."""
    return np.clip(np.round(np.asarray(samples, np.float64) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm(samples: np.ndarray) -> np.ndarray:
    """int16 [n] -> float32 [n] in -1..1."""
    return np.asarray(samples, np.float32) / FULL_SCALE


def write_wav(path: Path | str, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write samples, float [n] in -1..1, as 16-bit PCM; the file is whole or absent."""
    with atomic_path(path) as temporary:
        soundfile.write(temporary, to_pcm(samples), sample_rate, format="WAV", subtype="PCM_16")
