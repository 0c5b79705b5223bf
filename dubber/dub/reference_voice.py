"""The voice to speak in: the clearest speech of any sound or video file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dubber.codec.base import Codec
from dubber.errors import ClipError, DubberError
from dubber.files import MAX_SOUND_SECONDS
from dubber.media.audio import Sound, loudest, read_audio
from dubber.networks.silero import FRAME, FRAME_SECONDS, speech_probability
from dubber.units import SAMPLE_RATE

log = logging.getLogger(__name__)

SHORTEST = 1.0  # s of a file
LEAST_SPEECH = 0.5  # s of speech
FEW_SPEECH = 1.0  # s of speech; a voice is known better from more
LONGEST = 15.0  # s that are taken
QUIETEST = -60.0  # dBFS of its loudest 50 ms
SPEECH = 0.5  # probability from which it is speech
REST = 0.1  # probability below which it is something else
LEAST_REST = 0.5  # s by which what is heard around speech is judged
MARGIN, MARGIN_IN_NOISE = 1.0, 0.3  # s that are kept before and after speech
LEAST_CUT = 2.0  # s; a file with less beside its speech is taken whole
ALMOST_BEST = 0.98  # share of the most speech that another stretch of the same length has
MOST_LOST = 4.0  # dB that the mean of the channels may lose: speech on one of two channels loses 6
NOISY = 5.0  # dB by which speech must be louder than what is heard around it, or that is said
QUIET = 12.0  # dB by which speech is louder than what is heard around it, if that may be taken with it
NEIGHBOURS = 31  # bins of a spectrum, of 31 Hz each
FLAT = 0.4  # between the 0.56 of noise and the little of tones


@dataclass(frozen=True)
class Speech:
    """What was heard in a reference.

    Attributes:
        samples: float32 [n] at 16 kHz in -1..1: what is taken.
        seconds: of speech in them.
        start, end: s in the file, from the beginning of the first stretch to the end of the last.
        length: s of the file, as far as it was heard.
        above_noise: dB by which speech is louder than the rest of the file; None where there is little else.
    """

    samples: np.ndarray
    seconds: float
    start: float
    end: float
    length: float
    above_noise: float | None


def speaker_of(path: Path | str, codec: Codec) -> np.ndarray:
    """The timbre vector float32 [S] of the speech in a file, wherever it is; what was heard is said.

    Raises:
        DubberError: the file cannot be read, or holds no speech, too little of it, or silence.
    """
    try:
        sound = read_audio(path, longest=MAX_SOUND_SECONDS, most_lost=MOST_LOST)
        speech = find_speech(sound.samples)
        _say(Path(path).name, sound, speech)
        return codec.encode(speech.samples).speaker
    except ClipError as error:
        raise DubberError(
            f"The reference speech cannot be used: {error.what.rstrip('.')}.",
            looked_at=path,
            hint="Any sound or video file does in which one person speaks clearly for a few seconds.",
        ) from error


def find_speech(wav: np.ndarray) -> Speech:
    """The speech in wav float32 [n] at 16 kHz.

    Longer pauses are cut out. Of more than `LONGEST` s the earliest stretch is taken that has about the most speech.

    Raises:
        ClipError: it is too short, silent, or there is no speech.
    """
    length = len(wav) / SAMPLE_RATE
    if length < SHORTEST:
        raise ClipError(f"it has {length:.2f} s, and at least {SHORTEST:.0f} s are needed")
    if loudest(wav) < QUIETEST:
        raise ClipError(f"it is silent: in {length:.1f} s its loudest 50 ms have {loudest(wav):.0f} dBFS")
    probability = speech_probability(wav)
    spoken = probability >= SPEECH
    seconds = float(spoken.sum() * FRAME_SECONDS)
    if seconds < LEAST_SPEECH:
        found = "no speech is heard" if not seconds else f"only {seconds:.1f} s of speech are heard"
        raise ClipError(f"{found} in its {length:.1f} s; the rest sounds like {_kind(wav)}")
    above_noise = _above_noise(wav, probability)
    kept = _clearest(spoken, MARGIN if above_noise is None or above_noise >= QUIET else MARGIN_IN_NOISE)
    return Speech(
        samples=np.concatenate([wav[frame * FRAME : (frame + 1) * FRAME] for frame in kept]),
        seconds=float(spoken[kept].sum() * FRAME_SECONDS),
        start=float(kept[0] * FRAME_SECONDS),
        end=min(length, float((kept[-1] + 1) * FRAME_SECONDS)),
        length=length,
        above_noise=above_noise,
    )


def _clearest(spoken: np.ndarray, margin: float) -> np.ndarray:
    """The frames that are taken, of bool [K] with one that is spoken at least, with `margin` s around speech."""
    reach, most = round(margin / FRAME_SECONDS), round(LONGEST / FRAME_SECONDS)
    kept = np.flatnonzero(np.convolve(spoken, np.ones(2 * reach + 1))[reach : reach + len(spoken)] > 0)
    if len(spoken) <= most and (len(spoken) - len(kept)) * FRAME_SECONDS < LEAST_CUT:
        return np.arange(len(spoken))
    if len(kept) <= most:
        return kept
    speech = np.concatenate([[0], np.cumsum(spoken[kept])])
    stretches = speech[most:] - speech[:-most]
    first = int(np.argmax(stretches >= ALMOST_BEST * stretches.max()))
    return kept[first : first + most]


def _above_noise(wav: np.ndarray, probability: np.ndarray) -> float | None:
    """dB between the median frame of speech and the median frame without; None where there are few of these."""
    whole = len(wav) // FRAME
    level = 10 * np.log10(np.mean(np.square(wav[: whole * FRAME].reshape(whole, FRAME)), axis=1) + 1e-12)
    speech, rest = level[probability[:whole] >= SPEECH], level[probability[:whole] < REST]
    return float(np.median(speech) - np.median(rest)) if len(rest) * FRAME_SECONDS >= LEAST_REST else None


def _kind(wav: np.ndarray) -> str:
    """Noise or music: how far the bins of loud frames' spectra are below the mean of their neighbours, on average.

    For noise of any colour that is exp(-0.58) = 0.56; a tone leaves its neighbours almost empty.
    """
    whole = len(wav) // FRAME
    frames = wav[: whole * FRAME].reshape(whole, FRAME)
    power = np.square(frames, dtype=np.float64).mean(1)
    loud = frames[power >= np.median(power)]
    spectrum = np.abs(np.fft.rfft((loud - loud.mean(1, keepdims=True)) * np.hanning(FRAME), axis=1)) ** 2 + 1e-12
    around = np.apply_along_axis(np.convolve, 1, spectrum, np.ones(NEIGHBOURS) / NEIGHBOURS, mode="same")
    return "noise" if np.exp(np.log(spectrum / around).mean()) > FLAT else "music or tones"


def _say(name: str, sound: Sound, speech: Speech) -> None:
    log.info(
        "voice: %.1f s of speech, from %.1f s to %.1f s of the %.1f s of %s",
        *(speech.seconds, speech.start, speech.end, speech.length, name),
    )
    if sound.channel is not None:
        log.warning(
            "voice: of %d channels only number %d is heard: mixed, they cancel each other",
            *(sound.channels, sound.channel + 1),
        )
    if sound.source_rate < SAMPLE_RATE:
        log.warning(
            "voice: %s has %d Hz, so nothing above %.1f kHz; the voice will be duller than from a file with %d Hz",
            *(name, sound.source_rate, sound.source_rate / 2000, SAMPLE_RATE),
        )
    if speech.seconds < FEW_SPEECH:
        log.warning("voice: a voice is known better from %.0f s of speech or more", FEW_SPEECH)
    if speech.above_noise is not None and speech.above_noise < NOISY:
        log.warning("voice: speech is only %.0f dB louder than what is heard around it", speech.above_noise)
