"""Sound: any file in, 16 kHz mono out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from dubber.artifacts import atomic_path
from dubber.errors import ClipError
from dubber.limits import MAX_SOUND_SECONDS
from dubber.media.video import opened
from dubber.units import FULL_SCALE, SAMPLE_RATE

MIN_SECONDS = 0.1
GAP = 0.05  # s by which the time stamps of sound may be off before they count
MAX_LOST_SHARE = 0.1  # of the length that the container promises


@dataclass(frozen=True)
class Sound:
    """Decoded sound.

    Attributes:
        samples: float32 [n] in -1..1 at `SAMPLE_RATE`.
        source_rate: Hz, before resampling.
    """

    samples: np.ndarray
    source_rate: int


def read_audio(path: Path | str) -> Sound:
    """Decode the first sound stream of any media file to 16 kHz mono; time zero is the first picture, if there are any.

    Raises:
        ClipError: no such file, no sound, nearly nothing of it, more than an hour, or a stream that breaks off.
    """
    with opened(path) as container:
        if not container.streams.audio:
            raise ClipError("no audio stream")
        stream = container.streams.audio[0]
        blocks, start = _decode(container, stream)
        late = start - _picture_start(container, start)
        rate = stream.codec_context.sample_rate
        promised = float(container.duration or 0) / av.time_base
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    seconds = len(samples) / rate if rate else 0.0
    if seconds < MIN_SECONDS:
        raise ClipError(f"only {seconds:.2f} s of sound can be decoded")
    if start + seconds < (1 - MAX_LOST_SHARE) * promised - MIN_SECONDS:
        raise ClipError(f"damaged: {seconds:.2f} s of sound where the file promises {promised:.2f} s")
    if not np.isfinite(samples).all():
        raise ClipError("damaged: the sound holds values that are not numbers")
    resampled = samples if rate == SAMPLE_RATE else soxr.resample(samples, rate, SAMPLE_RATE)
    return Sound(shift(np.clip(resampled, -1, 1).astype(np.float32), round(late * SAMPLE_RATE)), rate)


def _decode(container: av.container.InputContainer, stream: av.AudioStream) -> tuple[list[np.ndarray], float]:
    """Float32 mono blocks at the stream's own rate, and the time stamp (s) of the first."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=stream.codec_context.sample_rate)
    blocks, start = [], None
    left = MAX_SOUND_SECONDS * stream.codec_context.sample_rate
    for frame in container.decode(stream):
        start = (frame.time or 0.0) if start is None else start
        left -= frame.samples
        if left < 0:
            raise ClipError(f"longer than the {MAX_SOUND_SECONDS} s of sound that are read")
        blocks += [out.to_ndarray().reshape(-1) for out in resampler.resample(frame)]
    return blocks, float(start or 0.0)


def sound_blocks(path: Path | str, rate: int, channels: int) -> Iterator[np.ndarray]:
    """Decode the first sound stream in bounded memory; time zero is the first picture, if there are any.

    Gaps in the time stamps become silence.

    Args:
        rate: Hz of the output.
        channels: 1 or 2 of the output.

    Yields:
        float32 [channels, n].

    Raises:
        ClipError: no such file, no sound, or a stream that breaks off.
    """
    with opened(path) as container:
        if not container.streams.audio:
            raise ClipError("no audio stream")
        stream, done = container.streams.audio[0], 0
        resampler = av.AudioResampler(format="fltp", layout="mono" if channels == 1 else "stereo", rate=rate)
        zero = None
        for frame in itertools.chain(container.decode(stream), [None]):
            block = _resampled(resampler, frame, channels)
            if frame is not None and frame.time is not None:
                zero = _picture_start(container, frame.time) if zero is None else zero
                late = round((frame.time - zero) * rate) - done
                if abs(late) > (GAP * rate if done else 0):
                    for start in range(0, late, rate):
                        yield np.zeros((channels, min(rate, late - start)), np.float32)
                    block, done = block[:, max(0, -late) :], done + max(0, late)
            done += block.shape[1]
            yield block


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None, channels: int) -> np.ndarray:
    parts = [part.to_ndarray() for part in resampler.resample(frame)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((channels, 0), np.float32)


def _picture_start(container: av.container.InputContainer, otherwise: float) -> float:
    """The time stamp (s) of the first picture; `otherwise` where there is none or it is unknown."""
    for stream in container.streams.video[:1]:
        if stream.start_time is not None and stream.time_base is not None:
            return float(stream.start_time * stream.time_base)
    return otherwise


def loudest(samples: np.ndarray, seconds: float = 0.05) -> float:
    """The level (dBFS) of the loudest stretch of `seconds` in samples [n] at `SAMPLE_RATE`, n at least one stretch."""
    size = round(SAMPLE_RATE * seconds)
    stretches = samples[: len(samples) // size * size].astype(np.float64).reshape(-1, size)
    return float(10 * np.log10(np.max(np.mean(stretches**2, axis=1)) + 1e-20))


def shift(samples: np.ndarray, late: int) -> np.ndarray:
    """Put `late` zeros before the samples, or cut off the first `-late`."""
    return np.pad(samples, (late, 0)) if late > 0 else samples[-late:]


def fit(samples: np.ndarray, length: int) -> np.ndarray:
    """Cut or zero-pad to exactly `length` samples."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def to_pcm(samples: np.ndarray) -> np.ndarray:
    """float -1..1 -> int16."""
    return np.clip(np.round(np.asarray(samples, np.float64) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm(samples: np.ndarray) -> np.ndarray:
    """int16 -> float32 in -1..1."""
    return np.asarray(samples, np.float32) / FULL_SCALE


def write_wav(path: Path | str, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write 16-bit PCM; the file is whole or absent."""
    with atomic_path(path) as temporary:
        soundfile.write(temporary, to_pcm(samples), sample_rate, format="WAV", subtype="PCM_16")
