"""The CMU Pronouncing Dictionary, as pocketsphinx carries it: 126,000 words, BSD licence, no stress marks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from dubber.errors import MissingDataError

_FILE = "en-us/cmudict-en-us.dict"


def known(word: str, variant: int = 1) -> tuple[str, ...]:
    """ARPAbet phones, without stress, of a lower-case word; empty if the dictionary lacks it.

    Args:
        variant: which of a word's pronunciations, counted from 1.
    """
    entry = word if variant == 1 else f"{word}({variant})"
    return tuple(_lines().get(entry.encode(), b"").decode().split())


@cache
def _lines() -> dict[bytes, bytes]:
    """Word -> phones as the file has them: split when they are asked for, because few are."""
    try:
        from pocketsphinx import get_model_path

        content = Path(get_model_path(_FILE)).read_bytes()
    except (ImportError, OSError) as error:
        raise MissingDataError(
            f"The pronunciation dictionary cannot be read: {error}.",
            looked_at=f"{_FILE} in the Python package pocketsphinx",
            hint="Install it: pip install pocketsphinx",
        ) from error
    return dict(line.split(b" ", 1) for line in content.splitlines())
