"""The codes to speak where many are likely: not each position's own favourite, but the likeliest path.

A network that was trained on few clips gives a hundred codes a few per cent each, and its favourite jumps among them
from frame to frame. Speech does not jump: how far it moves in a frame is known from the training clips.

Letters: T speech tokens, V codes, d coordinates of a code.
"""

from __future__ import annotations

import numpy as np

from dubber.codec.world_quantiser import squared_distances

CANDIDATES = 64  # likeliest codes of a position that a path may take
FLOOR = 1e-9  # probability under which codes are alike


def movement(vectors: np.ndarray) -> float:
    """Mean squared change from frame to frame of vectors [T, d]; 0 of a single frame."""
    return float(np.sum(np.diff(vectors, axis=0) ** 2, axis=1).mean()) if len(vectors) > 1 else 0.0


def likeliest_path(probabilities: np.ndarray, book: np.ndarray, moved: float) -> np.ndarray:
    """The path k_1..k_T with the largest sum_t [log p_t(k_t) - |e_{k_t} - e_{k_{t-1}}|^2 / moved] (Viterbi).

    Args:
        probabilities: p [T, V].
        book: the codes' vectors e [V, d].
        moved: mean squared change from frame to frame of speech; 0 leaves each position its likeliest code.

    Returns:
        ids int64 [T].
    """
    if moved <= 0:
        return probabilities.argmax(axis=1)
    kept = np.argsort(-probabilities, axis=1, kind="stable")[:, :CANDIDATES]
    gain = np.log(np.maximum(np.take_along_axis(probabilities, kept, axis=1), FLOOR))
    score, arrivals = gain[0], []
    for before, now, own in zip(kept[:-1], kept[1:], gain[1:], strict=True):
        through = score[:, None] - squared_distances(book[before], book[now]) / moved
        arrivals.append(through.argmax(axis=0))
        score = through.max(axis=0) + own
    place = int(score.argmax())
    places = [place]
    for arrival in reversed(arrivals):
        place = int(arrival[place])
        places.append(place)
    return kept[np.arange(len(kept)), places[::-1]].astype(np.int64)
