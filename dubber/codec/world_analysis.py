"""WORLD analysis and synthesis of speech at the token rate, and the speaker vector.

Letters: T speech tokens (frames, 80/s), M mel-cepstral coefficients, A aperiodicity bands, S speaker width.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyworld

from dubber.codec.settings import AnalysisSettings
from dubber.errors import ClipError

SPEAKER_DIM = 256
MIN_TOKENS = 4
SILENCE = 1e-4  # a clip whose peak is lower says nothing


@dataclass(frozen=True)
class Analysis:
    """A clip as WORLD sees it.

    Attributes:
        f0: float32 [T], Hz, 0 where unvoiced.
        spectrum: float32 [T, M], mel-cepstrum of the spectral envelope, c0 first.
        aperiodicity: float32 [T, A], dB.
        speaker: float32 [S], the GE2E vector of the voice, unit length.
    """

    f0: np.ndarray
    spectrum: np.ndarray
    aperiodicity: np.ndarray
    speaker: np.ndarray


def analyse(wav: np.ndarray, settings: AnalysisSettings) -> Analysis:
    """Analyse float32 [samples] in -1..1; T = round(samples * token_rate / sample_rate).

    Raises:
        ClipError: the clip is too short or silent.
    """
    tokens = round(len(wav) * settings.token_rate / settings.sample_rate)
    if tokens < MIN_TOKENS:
        raise ClipError(f"only {len(wav) / settings.sample_rate:.2f} s of sound: too short for the codec")
    if not np.isfinite(wav).all() or np.abs(wav).max() < SILENCE:
        raise ClipError("the sound is silent")
    x, rate = np.ascontiguousarray(wav, dtype=np.float64), settings.sample_rate
    f0, times = _pitch(x, settings)
    envelope = pyworld.cheaptrick(x, f0, times, rate)
    aperiodicity = pyworld.d4c(x, f0, times, rate)
    return Analysis(
        f0=_length(f0, tokens).astype(np.float32),
        spectrum=_length(pyworld.code_spectral_envelope(envelope, rate, settings.order), tokens).astype(np.float32),
        aperiodicity=_length(pyworld.code_aperiodicity(aperiodicity, rate), tokens).astype(np.float32),
        speaker=speaker_vector(wav, rate),
    )


def _pitch(x: np.ndarray, settings: AnalysisSettings) -> tuple[np.ndarray, np.ndarray]:
    period = 1000 / settings.token_rate
    bounds = {"f0_floor": settings.floor, "f0_ceil": settings.ceiling, "frame_period": period}
    if settings.pitch == "harvest":
        return pyworld.harvest(x, settings.sample_rate, **bounds)
    f0, times = pyworld.dio(x, settings.sample_rate, **bounds)
    return pyworld.stonemask(x, f0, times, settings.sample_rate), times


def _length(values: np.ndarray, tokens: int) -> np.ndarray:
    """Exactly T rows: the analysis may have one more; a missing last one repeats."""
    return np.concatenate([values[:tokens], np.repeat(values[-1:], max(0, tokens - len(values)), axis=0)])


def synthesise(
    f0: np.ndarray, spectrum: np.ndarray, aperiodicity: np.ndarray, settings: AnalysisSettings
) -> np.ndarray:
    """f0 [T] Hz, spectrum [T, M], aperiodicity [T, A] dB -> float32 [T * sample_rate / token_rate]."""
    rate = settings.sample_rate
    size = pyworld.get_cheaptrick_fft_size(rate)
    f0 = np.ascontiguousarray(f0, dtype=np.float64)
    envelope = pyworld.decode_spectral_envelope(np.ascontiguousarray(spectrum, dtype=np.float64), rate, size)
    coded = np.minimum(np.ascontiguousarray(aperiodicity, dtype=np.float64), 0.0)
    wav = pyworld.synthesize(
        f0, envelope, pyworld.decode_aperiodicity(coded, rate, size), rate, 1000 / settings.token_rate
    )
    length = len(f0) * rate // settings.token_rate
    return np.clip(np.pad(wav, (0, max(0, length - len(wav))))[:length], -1, 1).astype(np.float32)


def speaker_vector(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """The GE2E vector of a voice, float32 [S], unit length."""
    from resemblyzer import preprocess_wav

    speech = preprocess_wav(np.asarray(wav, np.float32), source_sr=sample_rate)
    return _speaker_encoder().embed_utterance(speech if len(speech) else np.asarray(wav, np.float32)).astype(np.float32)


@cache
def _speaker_encoder():
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)
