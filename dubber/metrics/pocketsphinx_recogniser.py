"""The embedded recogniser: pocketsphinx with its own US English models and a corpus's grammar or a language model.

A grammar can only hear sentences of its corpus. With "grid" an unintelligible clip scores about 80 % (chance), not
100 %: numbers of one grammar compare with each other, never with an open recogniser's.
"""

from __future__ import annotations

import numpy as np
from pocketsphinx import Decoder, get_model_path

from dubber.metrics.grammars import GRAMMARS

WIDE_BEAM = 1e-100


class PocketsphinxRecogniser:
    """Batch decoding, cepstral mean of the whole clip: a result does not depend on the clips before it.

    Args:
        grammar: a key of `GRAMMARS`, or "lm" for pocketsphinx's general English trigram model.
    """

    def __init__(self, grammar: str) -> None:
        self.name = f"pocketsphinx:{grammar}"
        self._grammar = grammar
        self._decoder = self._load()
        self._wide: Decoder | None = None

    def transcribe(self, wav: np.ndarray) -> str:
        """wav float32 [samples] at 16 kHz -> words; "" where no path survives even with wide beams."""
        heard = _decode(self._decoder, wav)
        if heard is None:
            # Noise-like audio can prune every path of the default beams.
            self._wide = self._wide or self._load(beam=WIDE_BEAM, wbeam=WIDE_BEAM, pbeam=WIDE_BEAM, dither=True, seed=1)
            heard = _decode(self._wide, wav)
        words = (heard or "").split()
        spelling = GRAMMARS[self._grammar].spelling if self._grammar in GRAMMARS else {}
        return " ".join(spelling.get(word, word) for word in words)

    def _load(self, **options: object) -> Decoder:
        models = {
            "hmm": get_model_path("en-us/en-us"),
            "dict": get_model_path("en-us/cmudict-en-us.dict"),
            "loglevel": "FATAL",
            "cmn": "batch",
        }
        if self._grammar == "lm":
            return Decoder(lm=get_model_path("en-us/en-us.lm.bin"), **models, **options)
        grammar = GRAMMARS[self._grammar]
        decoder = Decoder(lm=None, **models, **options)
        for word, phones in grammar.pronunciations.items():
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, phones, True)
        decoder.add_jsgf_string(self._grammar, grammar.jsgf)
        decoder.activate_search(self._grammar)
        return decoder


def _decode(decoder: Decoder, wav: np.ndarray) -> str | None:
    pcm = (np.clip(wav, -1, 1) * 32767).astype("<i2").tobytes()
    decoder.start_utt()
    decoder.process_raw(pcm, no_search=False, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return None if hypothesis is None else hypothesis.hypstr
