"""Text to phonemes: the sequence that training and inference share, so it depends on the text alone."""

from __future__ import annotations

from dataclasses import dataclass

from dubber.errors import ClipError
from dubber.text.alphabet import PAD, PAUSE, SILENCE, SYMBOLS, VOCABULARY_SIZE, to_ids, to_symbols
from dubber.text.normalise import phrases
from dubber.text.pronounce import pronounce

__all__ = [
    "PAD", "PAUSE", "SILENCE", "SYMBOLS", "VOCABULARY_SIZE", "Pronunciation", "phonemise", "to_ids", "to_symbols",
]  # fmt: skip


@dataclass(frozen=True)
class Pronunciation:
    """A text as words and phones.

    Attributes:
        words: normalised words (the letter A as a capital).
        phones: ARPAbet phones, without stress, of each word.
        pause_after: for each word, whether punctuation parts it from the next one.
    """

    words: tuple[str, ...]
    phones: tuple[tuple[str, ...], ...]
    pause_after: tuple[bool, ...]

    @property
    def phonemes(self) -> tuple[str, ...]:
        """The phoneme sequence [N]: `sil` at both ends, `sp` at punctuation inside."""
        sequence = [SILENCE]
        for phones, pause in zip(self.phones, self.pause_after, strict=True):
            sequence.extend(phones)
            if pause:
                sequence.append(PAUSE)
        return (*sequence, SILENCE)

    @property
    def ids(self) -> list[int]:
        """`phonemes` as ids [N] in 1..VOCABULARY_SIZE-1."""
        return to_ids(self.phonemes)


def phonemise(text: str) -> Pronunciation:
    """Pronounce `text`: one pronunciation per word, known or not, whatever the audio says.

    Raises:
        ClipError: no word in the text, or a word of another script.
    """
    spoken = phrases(text)
    if not spoken:
        raise ClipError(f"The text holds no word that can be spoken: {text[:80]!r}.")
    words = tuple(word for phrase in spoken for word in phrase)
    pauses = [i == len(phrase) - 1 for phrase in spoken for i in range(len(phrase))]
    pauses[-1] = False
    return Pronunciation(words, tuple(pronounce(word) for word in words), tuple(pauses))
