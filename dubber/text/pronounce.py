"""How one word is pronounced: the CMU dictionary first, then rules for possessives and initials, then a network."""

from __future__ import annotations

import logging
import re
from functools import lru_cache

from dubber.errors import ClipError
from dubber.text.alphabet import strip_stress
from dubber.text.dictionary import known
from dubber.text.normalise import LETTER_A

log = logging.getLogger(__name__)

_SPEAKABLE = re.compile(r"[a-z]+(?:'[a-z]+)*")
_VOWEL_LETTER = re.compile(r"[aeiouy]")
_SIBILANTS = frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_VOICELESS = frozenset(("P", "T", "K", "F", "TH"))


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
    phones = known(word) or _possessive(word) or _initials(word) or _predicted(word)
    if not phones:
        raise ClipError(f"The word {word!r} cannot be pronounced: neither dictionary nor network knows how.")
    return phones


def _possessive(word: str) -> tuple[str, ...]:
    if not word.endswith("'s"):
        return ()
    stem = pronounce(word[:-2])
    if stem[-1] in _SIBILANTS:
        return (*stem, "IH", "Z")
    return (*stem, "S" if stem[-1] in _VOICELESS else "Z")


def _initials(word: str) -> tuple[str, ...]:
    """A word without a vowel letter is read letter by letter."""
    if _VOWEL_LETTER.search(word):
        return ()
    return tuple(phone for letter in word.replace("'", "") for phone in known(letter))


def _predicted(word: str) -> tuple[str, ...]:
    from dubber.text.g2p import predict  # numpy, and few texts hold an unknown word

    phones = strip_stress(predict(word.replace("'", "")))
    log.info("%r is not in the dictionary; pronounced by the network: %s", word, " ".join(phones))
    return phones
