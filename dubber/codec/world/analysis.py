"""A clip as the vocoder WORLD sees it, 80 times a second, and back to sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyworld

from dubber.codec.settings import WorldAnalysisSettings
from dubber.codec.world.cepstrum import DB_PER_NEPER, to_cepstrum, to_power
from dubber.errors import ClipError
from dubber.media.audio import loudest
from dubber.units import SAMPLE_RATE, TOKEN_RATE

HOP = SAMPLE_RATE // TOKEN_RATE
FRAME_MS = 1000 / TOKEN_RATE
FFT_SIZE = 1024
BINS = FFT_SIZE // 2 + 1
MIN_TOKENS = 8  # 0.1 s


@dataclass(frozen=True)
class Analysis:
    """What the vocoder needs.

    Attributes:
        f0: float32 [T], Hz; 0 where unvoiced.
        cepstrum: float32 [T, M + 1], mel-cepstrum of the envelope (natural log of amplitude).
        aperiodicity: float32 [T], dB: the level of noise in the band around 3 kHz; 0 where unvoiced.
    """

    f0: np.ndarray
    cepstrum: np.ndarray
    aperiodicity: np.ndarray

    @property
    def voiced(self) -> np.ndarray:
        """bool [T]."""
        return self.f0 > 0

    def active(self, range_db: float) -> np.ndarray:
        """bool [T]: frames within `range_db` of the loud ones (of the 95th percentile)."""
        level = self.cepstrum[:, 0] * DB_PER_NEPER
        return level >= np.percentile(level, 95) - range_db


@dataclass(frozen=True)
class AnalysedClip:
    """A clip's analysis and its GE2E vector [256]."""

    analysis: Analysis
    ge2e: np.ndarray


def analyse(wav: np.ndarray, settings: WorldAnalysisSettings) -> Analysis:
    """Analyse wav float32 [samples] (16 kHz, -1..1) into T = round(samples * 80 / 16000) frames.

    Raises:
        ClipError: too short, not finite, silent, or without a voiced frame.
    """
    n_tokens = round(len(wav) * TOKEN_RATE / SAMPLE_RATE)
    _check(wav, n_tokens, settings.min_level)
    sound = np.zeros(max(len(wav), n_tokens * HOP), np.float64)
    sound[: len(wav)] = wav
    f0, times = track_f0(sound, settings)
    power = pyworld.cheaptrick(sound, f0, times, SAMPLE_RATE, fft_size=FFT_SIZE)
    noise = pyworld.d4c(sound, f0, times, SAMPLE_RATE, threshold=settings.voicing_threshold, fft_size=FFT_SIZE)
    aperiodicity = pyworld.code_aperiodicity(noise, SAMPLE_RATE)[:n_tokens, 0]
    voiced = (f0[:n_tokens] > 0) & (noise[:n_tokens, 0] < 0.5)  # D4C writes "all noise" where it finds no voice
    if not voiced.any():
        raise ClipError("no voiced speech was found in the audio")
    return Analysis(
        f0=np.where(voiced, f0[:n_tokens], 0).astype(np.float32),
        cepstrum=to_cepstrum(power[:n_tokens], settings.order, SAMPLE_RATE).astype(np.float32),
        aperiodicity=np.where(voiced, aperiodicity, 0).astype(np.float32),
    )


def track_f0(sound: np.ndarray, settings: WorldAnalysisSettings) -> tuple[np.ndarray, np.ndarray]:
    """F0 (Hz) and times (s) of frames every 12.5 ms of sound float64 [samples]."""
    limits = {"f0_floor": settings.f0_floor, "f0_ceil": settings.f0_ceiling, "frame_period": FRAME_MS}
    if settings.f0_method == "harvest":
        return pyworld.harvest(sound, SAMPLE_RATE, **limits)
    rough, times = pyworld.dio(sound, SAMPLE_RATE, **limits)
    return pyworld.stonemask(sound, rough, times, SAMPLE_RATE), times


def synthesise(analysis: Analysis) -> np.ndarray:
    """float32 [T * 200] at 16 kHz, clipped to -1..1."""
    voiced = analysis.voiced
    noise = np.where(voiced, analysis.aperiodicity, 0.0).astype(np.float64)
    spread = pyworld.decode_aperiodicity(np.ascontiguousarray(noise[:, None]), SAMPLE_RATE, FFT_SIZE)
    power = to_power(analysis.cepstrum.astype(np.float64), BINS, SAMPLE_RATE)
    sound = pyworld.synthesize(analysis.f0.astype(np.float64), power, spread, SAMPLE_RATE, FRAME_MS)
    whole = np.zeros(len(voiced) * HOP)
    whole[: len(sound)] = sound[: len(whole)]
    return np.clip(whole, -1, 1).astype(np.float32)


def _check(wav: np.ndarray, n_tokens: int, min_level: float) -> None:
    if n_tokens < MIN_TOKENS:
        raise ClipError(f"the audio is too short: {len(wav) / SAMPLE_RATE:.3f} s")
    if not np.isfinite(wav).all():
        raise ClipError("the audio has samples that are not finite numbers")
    level = loudest(wav)
    if level < min_level:
        raise ClipError(f"the audio is silent: its loudest 50 ms have {level:.0f} dBFS")
