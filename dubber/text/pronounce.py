"""How one word is pronounced: the CMU dictionary first, then rules for possessives and initials, then a network.

The dictionary is the CMU Pronouncing Dictionary as pocketsphinx carries it: 126,000 words, BSD licence, no stress.
"""

from __future__ import annotations

import logging
import re
from functools import cache, lru_cache
from pathlib import Path

from dubber.errors import ClipError, MissingDataError
from dubber.text.alphabet import LETTER_A, strip_stress

log = logging.getLogger(__name__)

_DICTIONARY = "en-us/cmudict-en-us.dict"
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


def known(word: str, variant: int = 1) -> tuple[str, ...]:
    """ARPAbet phones, without stress, of a lower-case word; empty if the dictionary lacks it.

    Args:
        variant: which of a word's pronunciations, counted from 1.
    """
    entry = word if variant == 1 else f"{word}({variant})"
    return tuple(_dictionary().get(entry.encode(), b"").decode().split())


@cache
def _dictionary() -> dict[bytes, bytes]:
    """Word -> phones as the file has them: split when they are asked for, because few are."""
    try:
        from pocketsphinx import get_model_path

        content = Path(get_model_path(_DICTIONARY)).read_bytes()
    except (ImportError, OSError) as error:
        raise MissingDataError(
            f"The pronunciation dictionary cannot be read: {error}.",
            looked_at=f"{_DICTIONARY} in the Python package pocketsphinx",
            hint="Install it: pip install pocketsphinx",
        ) from error
    return dict(line.split(b" ", 1) for line in content.splitlines())


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
