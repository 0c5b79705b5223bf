"""Text to phonemes: the sequence that training and inference share, so it depends on the text alone.

A word is looked up in the CMU dictionary, then read by rules for possessives and initials, then by a network.
Homographs are told apart by the words around them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from dubber.errors import ClipError, DubberError
from dubber.text.alphabet import (
    LETTER_A,
    PAD,
    PAUSE,
    PHONES,
    SILENCE,
    SYMBOLS,
    VOCABULARY_SIZE,
    strip_stress,
    to_ids,
    to_symbols,
)
from dubber.text.g2p import known, predict
from dubber.text.homographs import readings
from dubber.text.normalise import worded

log = logging.getLogger(__name__)

_SPEAKABLE = re.compile(r"[a-z]+(?:'[a-z]+)*")
_VOWEL_LETTER = re.compile(r"[aeiouy]")
_SIBILANTS = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_VOICELESS = frozenset(("P", "T", "K", "F", "TH"))

__all__ = [
    "PAD", "PAUSE", "SILENCE", "SYMBOLS", "VOCABULARY_SIZE", "Pronunciation", "phonemise", "pronounce", "to_ids",
    "to_symbols",
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


Names = Mapping[str, tuple[str, ...]]
"""Words as they are written, in small letters, with the phones that somebody gave them."""

MOST_NAMES = 1000  # that one text is searched for


def read_names(entries: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Pronunciations from lines `WORD=PHONEMES`, or `WORD PHONEMES` as the CMU dictionary has them.

    Stress digits are allowed; empty lines and comments (`#`, `;;;`) are passed over.

    Raises:
        DubberError: an entry has no word, no phonemes or an unknown one, or there are too many.
    """
    found: dict[str, tuple[str, ...]] = {}
    for line in entries:
        entry = line.strip()
        if not entry or entry.startswith(("#", ";;;")):
            continue
        word, _, given = entry.partition("=") if "=" in entry else entry.partition(" ")
        phones = strip_stress(given.replace(",", " ").replace("-", " ").upper().split())
        unknown = [phone for phone in phones if phone not in PHONES]
        if not word.strip() or not phones or unknown:
            what = f"{unknown[0]!r} is not a phoneme" if unknown else "A pronunciation is a word and its phonemes"
            raise DubberError(
                f"{what}.", looked_at=entry[:80], hint=f"Like Siobhan=SH AH V AO N, of: {' '.join(PHONES)}"
            )
        found[word.strip().lower()] = phones
    if len(found) > MOST_NAMES:
        raise DubberError(f"{len(found)} pronunciations are more than the {MOST_NAMES} that are looked for in a text.")
    return found


def phonemise(text: str, names: Names | None = None) -> Pronunciation:
    """Pronounce `text`: one pronunciation per word, known or not, whatever the audio says.

    Args:
        names: pronunciations that go before the dictionary's.

    Raises:
        ClipError: no word in the text, or a word of another script.
    """
    names = names or {}
    spoken = worded(text, tuple(names))
    if not spoken:
        raise ClipError(f"The text holds no word that can be spoken: {text[:80]!r}.")
    words = [word for phrase in spoken for word in phrase]
    pauses = [i == len(phrase) - 1 for phrase in spoken for i in range(len(phrase))]
    pauses[-1] = False
    by_context = readings([word.written for word in words], pauses)
    phones = tuple(
        _named(word.spoken, names) or by_context.get(i) or pronounce(word.spoken) for i, word in enumerate(words)
    )
    return Pronunciation(tuple(word.spoken for word in words), phones, tuple(pauses))


def _named(word: str, names: Names) -> tuple[str, ...]:
    if word not in names and word.endswith("'s") and word[:-2] in names:
        return _possessive(names[word[:-2]])
    return names.get(word, ())


@lru_cache(maxsize=65536)
def pronounce(word: str) -> tuple[str, ...]:
    """ARPAbet phones, without stress, of a normalised word; the same on every machine.

    Raises:
        ClipError: the word holds letters other than a-z, or no phone comes out.
    """
    if word == LETTER_A:
        return ("EY",)
    if not _SPEAKABLE.fullmatch(word):
        raise ClipError(f"The word {word!r} cannot be pronounced: only Latin letters can.", looked_at=word)
    phones = known(word)
    if not phones and word.endswith("'s"):
        phones = _possessive(pronounce(word[:-2]))
    phones = phones or _initials(word) or _predicted(word)
    if not phones:
        raise ClipError(f"The word {word!r} cannot be pronounced: neither dictionary nor network knows how.")
    return phones


def _possessive(stem: tuple[str, ...]) -> tuple[str, ...]:
    """A word's phones with the `s` of its possessive."""
    if stem[-1] in _SIBILANTS:
        return (*stem, "IH", "Z")
    return (*stem, "S" if stem[-1] in _VOICELESS else "Z")


def _initials(word: str) -> tuple[str, ...]:
    """A word without a vowel letter is read letter by letter."""
    if _VOWEL_LETTER.search(word):
        return ()
    return tuple(phone for letter in word.replace("'", "") for phone in known(letter))


def _predicted(word: str) -> tuple[str, ...]:
    phones = strip_stress(predict(word.replace("'", "")))
    log.info("%r is not in the dictionary; pronounced by the network: %s", word, " ".join(phones))
    return phones
