"""Word error rate: what share of the text a recogniser misses in the dub (Tables 1 to 4).

The corpus-level rate is the sum of errors over the sum of words; each clip's rate carries its number of words as
weight, so a table can also give the mean over utterances. One normaliser is applied to both sides: ours, which reads
numbers and signs as they are spoken, or Whisper's, by which much of the field reports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

import jiwer
import numpy as np

from dubber.metrics.base import Metric, Sample, Score
from dubber.text.normalise import normalise

Normaliser = Literal["spoken", "whisper"]


class Recogniser(Protocol):
    """Speech to text."""

    name: str  # which backend made a result

    def transcribe(self, wav: np.ndarray) -> str:
        """wav float32 [samples] at 16 kHz -> text; "" where nothing was understood."""
        ...


@dataclass(frozen=True)
class WordErrors:
    """Substitutions, deletions and insertions of one utterance, and the number of words that it should have."""

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference word, in percent; over 100 where much was inserted."""
        return 100.0 * self.errors / self.words


@cache
def read_by(normaliser: Normaliser) -> Callable[[str], str]:
    """A text normaliser.

    Whisper's writes contractions out, leaves fillers such as `hmm` out, spells in American English, and keeps numbers
    as digits. A text of which nothing is left by it, such as a lone `hmm`, is read by ours.
    """
    if normaliser == "spoken":
        return normalise
    from whisper_normalizer.english import EnglishTextNormalizer

    whispers = EnglishTextNormalizer()
    return lambda text: " ".join(whispers(text).split()) or normalise(text)


def word_errors(*, reference: str, hypothesis: str, normaliser: Normaliser = "spoken") -> WordErrors:
    """Compare what was heard with what should be said, after the same normaliser.

    Raises:
        ValueError: the reference has no word.
    """
    read = read_by(normaliser)
    expected, heard = read(reference), read(hypothesis)
    if not expected:
        raise ValueError(f"the reference text has no word: {reference!r}")
    if not heard:
        return WordErrors(0, len(expected.split()), 0, len(expected.split()))
    found = jiwer.process_words(expected, heard)
    return WordErrors(found.substitutions, found.deletions, found.insertions, len(expected.split()))


class Wer(Metric):
    """Word errors, percent; weight = words of the text.

    Args:
        recogniser: who listens.
        column: of the table.
        normaliser: of both texts.
    """

    def __init__(self, recogniser: Recogniser, column: str = "WER", normaliser: Normaliser = "spoken") -> None:
        self.recogniser, self.columns, self.normaliser = recogniser, (column,), normaliser
        self.backend = recogniser.name + (" (Whisper's normaliser)" if normaliser == "whisper" else "")

    def score(self, sample: Sample) -> list[Score]:
        heard = self.recogniser.transcribe(sample.hypothesis)
        found = word_errors(reference=sample.text, hypothesis=heard, normaliser=self.normaliser)
        return [Score(self.columns[0], found.rate, weight=found.words)]

    def failed(self, text: str, reason: str) -> list[Score]:
        """A clip that was not dubbed has lost every word: 100 %, and the clip still counts as failed."""
        found = word_errors(reference=text, hypothesis="", normaliser=self.normaliser)
        return [Score(self.columns[0], found.rate, weight=found.words, reason=reason)]
