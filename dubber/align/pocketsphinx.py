"""The embedded aligner: pocketsphinx, whose acoustic model ships in its package.

Two passes: the words of the text, optional silences between them, are found first; then the phones inside the
words. Each word has the one pronunciation that `dubber.text` gives it, so the phones are those of the text.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
import pocketsphinx

from dubber.align.phones import Alignment, Interval
from dubber.align.settings import PocketsphinxSettings
from dubber.errors import ClipError
from dubber.text.alphabet import SILENCE, SPOKEN_NOISE
from dubber.text.phonemes import Pronunciation
from dubber.units import SAMPLE_RATE

log = logging.getLogger(__name__)

_FRAME_RATE = 100  # feature frames per second of that model
_SILENCES = {"SIL": SILENCE, "+NSN+": SPOKEN_NOISE, "+SPN+": SPOKEN_NOISE}


class _Frames(NamedTuple):
    name: str
    first: int
    last: int  # exclusive


class PocketsphinxAligner:
    """Finds phones and words in speech of a known text.

    The result for a clip does not depend on the clips that were aligned before it.
    """

    def __init__(self, settings: PocketsphinxSettings) -> None:
        self.settings = settings
        beams = {"beam": settings.beam, "wbeam": settings.word_beam, "pbeam": settings.phone_beam}
        self._first = _decoder(**beams)
        self._wide: pocketsphinx.Decoder | None = None

    def align(self, samples: np.ndarray, spoken: Pronunciation) -> Alignment:
        """Align int16 mono speech [samples] at 16 kHz.

        Raises:
            ClipError: the audio is empty or silent, shorter than the text can be, or does not fit the text.
        """
        n_phones = sum(map(len, spoken.phones))
        seconds = len(samples) / SAMPLE_RATE
        if not np.any(samples):
            raise ClipError("There is no sound to align: the audio is empty or digital silence.")
        found = _search(self._first, samples, spoken)
        if found is None:
            log.info("no alignment within the beams; trying again with %g", self.settings.retry_beam)
            found = _search(self._retry_decoder(), samples, spoken)
        if found is None:
            raise ClipError(
                f"The text does not fit the audio: no path through {n_phones} phones in {seconds:.2f} s, "
                f"not even with beams of {self.settings.retry_beam:g}.",
                looked_at=" ".join(spoken.words),
                hint="Compare the text with what is said; `align.pocketsphinx.retry_beam` widens the search.",
            )
        return _alignment(found, spoken, seconds, self.settings.offset)

    def _retry_decoder(self) -> pocketsphinx.Decoder:
        if self._wide is None:
            beam, settings = self.settings.retry_beam, self.settings
            options = {"dither": True, "seed": settings.seed} if settings.retry_dither else {}
            self._wide = _decoder(beam=beam, wbeam=beam, pbeam=beam, **options)
        return self._wide


def _decoder(**options: object) -> pocketsphinx.Decoder:
    model = pocketsphinx.get_model_path("en-us/en-us")
    return pocketsphinx.Decoder(hmm=model, dict=None, lm=None, bestpath=False, loglevel="FATAL", **options)


def _search(decoder: pocketsphinx.Decoder, samples: np.ndarray, spoken: Pronunciation) -> list[list[_Frames]] | None:
    """The phones of each word of the second pass, silences included; None where no path reaches the audio's end."""
    audio = np.ascontiguousarray(samples, dtype="<i2").tobytes()
    try:
        decoder.set_align_text(" ".join(_spelling(decoder, phones) for phones in spoken.phones))
        _decode(decoder, audio)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()
        _decode(decoder, audio)
        alignment = decoder.get_alignment()
    except RuntimeError as error:
        log.info("pocketsphinx: %s", error)
        return None
    if alignment is None:
        return None
    # Entries point into the memory of `alignment`: copy them while it lives.
    return [[_Frames(p.name, p.start, p.start + p.duration) for p in word] for word in alignment]


def _spelling(decoder: pocketsphinx.Decoder, phones: tuple[str, ...]) -> str:
    """The dictionary word for a pronunciation is the pronunciation itself: two words that sound alike are one."""
    word = "_".join(phones)
    if decoder.lookup_word(word) is None:
        decoder.add_word(word, " ".join(phones), False)
    return word


def _decode(decoder: pocketsphinx.Decoder, audio: bytes) -> None:
    decoder.reinit_feat()  # else the noise estimate of the clip before would move the boundaries of this one
    decoder.start_utt()
    try:
        decoder.process_raw(audio, full_utt=True)
    finally:
        decoder.end_utt()


def _alignment(found: list[list[_Frames]], spoken: Pronunciation, seconds: float, offset: float) -> Alignment:
    def interval(label: str, first: int, last: int) -> Interval:
        start, end = (min(max(frame / _FRAME_RATE + offset, 0.0), seconds) for frame in (first, last))
        return Interval(label, start, end)

    phones = [interval(_SILENCES.get(p.name, p.name), p.first, p.last) for word in found for p in word]
    voiced = [word for word in found if word[0].name not in _SILENCES]
    if tuple(tuple(p.name for p in word) for word in voiced) != spoken.phones:
        raise ClipError(
            f"The aligner stopped early: {len(voiced)} of {len(spoken.words)} words found.",
            looked_at=" ".join(spoken.words),
        )
    words = [
        interval(text.lower(), word[0].first, word[-1].last) for text, word in zip(spoken.words, voiced, strict=True)
    ]
    return Alignment(tuple(phones), tuple(words))
