"""For each test clip, another one whose text, video or voice replaces its own: the partners of the controls.

Nothing of it is stored: the same test clips always give the same pairs. A pair is a solution of an assignment problem,
so that clips serve evenly: each serves once, and more often only where one text or one speaker holds more than half of
the test clips. Among equally good solutions fixed random numbers decide, so neighbours in a list are not paired.

Shapes: n test clips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from dubber.text.normalise import normalise


def text_partners(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Clip -> a clip with another text: such that all pairs together share as few words as can be.

    In a corpus with few words (GRID) two random texts have a fifth of their words in common; these pairs have none, as
    long as there are enough test clips.

    Args:
        rows: manifest rows of all test clips (`clip`, `text`), in any order.

    Returns:
        A partner for every clip; empty where all clips have the same text.
    """
    rows = _ordered(rows)
    texts = [normalise(row["text"]) for row in rows]
    return _paired(rows, texts, _shared_words(texts))


def voice_partners(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Clip -> a clip of another speaker, at random.

    Args:
        rows: manifest rows of all test clips (`clip`, `speaker`), in any order.

    Returns:
        A partner for every clip; empty where there is one speaker.
    """
    rows = _ordered(rows)
    return _paired(rows, [row["speaker"] for row in rows], np.zeros((len(rows), len(rows))))


def _ordered(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: row["clip"])


def _shared_words(texts: Sequence[str]) -> np.ndarray:
    """How many different words two texts have in common, float32 [n, n]."""
    words = [set(text.split()) for text in texts]
    column = {word: i for i, word in enumerate(sorted(set().union(*words)))}
    has = np.zeros((len(texts), len(column)), np.float32)
    for i, of_text in enumerate(words):
        has[i, [column[word] for word in of_text]] = 1
    return has @ has.T


def _paired(rows: Sequence[Mapping[str, Any]], groups: Sequence[str], costs: np.ndarray) -> dict[str, str]:
    """Partners from other groups, of the least sum of `costs` [n, n] (whole numbers)."""
    n, sizes = len(rows), Counter(groups)
    if len(sizes) < 2:
        return {}
    largest = max(sizes.values())
    serves = -(-largest // (n - largest))  # times that a clip may serve: more than once only for a majority
    number = np.unique(groups, return_inverse=True)[1]
    chance = np.random.default_rng(0).random((n, n)) / (2 * n)  # all together less than one shared word
    allowed = np.where(number[:, None] == number, np.inf, costs + chance)
    chosen = linear_sum_assignment(np.tile(allowed, serves))[1] % n
    return {row["clip"]: rows[j]["clip"] for row, j in zip(rows, chosen, strict=True)}
