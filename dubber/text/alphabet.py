"""The phoneme alphabet, shared by text, aligners and models: 39 ARPAbet phones without stress, and silences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dubber.errors import DubberError

PAD = 0  # also the CTC blank
SILENCE = "sil"
PAUSE = "sp"
SPOKEN_NOISE = "spn"
LETTER_A = "A"  # the only capital among normalised words: the letter's name, as opposed to the article `a`
VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
# fmt: off
CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N",
    "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH",
)
# fmt: on
PHONES = (*VOWELS, *CONSONANTS)
SYMBOLS: tuple[str, ...] = (SILENCE, PAUSE, SPOKEN_NOISE, *PHONES)
VOCABULARY_SIZE = len(SYMBOLS) + 1

_IDS = {symbol: i for i, symbol in enumerate(SYMBOLS, start=1)}


def to_ids(symbols: Sequence[str]) -> list[int]:
    """Symbols [N] -> ids [N] in 1..VOCABULARY_SIZE-1 (0 is `PAD`).

    Raises:
        DubberError: a symbol is not of `SYMBOLS`.
    """
    try:
        return [_IDS[symbol] for symbol in symbols]
    except KeyError as error:
        raise DubberError(
            f"{error.args[0]!r} is not a phoneme symbol.", looked_at=symbols, hint=f"Symbols: {' '.join(SYMBOLS)}"
        ) from None


def to_symbols(ids: Iterable[int]) -> list[str]:
    """Ids [N] in 1..VOCABULARY_SIZE-1 -> symbols [N]."""
    return [SYMBOLS[i - 1] for i in ids]


def strip_stress(phones: Sequence[str]) -> tuple[str, ...]:
    """`("F", "AY1", "V")` -> `("F", "AY", "V")`."""
    return tuple(phone.rstrip("012") for phone in phones)
