"""From phone times to whole-frame and whole-token durations: the run lengths of the alignment matrices.

The binary matrices M_vt [F, N] and M_st [T, N] of the contrastive alignment losses (eqs. 2 and 4) are stored as
one duration per phoneme; a phoneme shorter than a frame may own none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from rapidfuzz.distance import Levenshtein

from dubber.align.phones import Alignment, Interval
from dubber.errors import ClipError
from dubber.text.alphabet import PAUSE, SILENCE


@dataclass(frozen=True)
class _Span:
    start: float
    end: float


def boundaries(phonemes: Sequence[str], alignment: Alignment, seconds: float) -> np.ndarray:
    """Times [N+1] (s) between the phonemes of a text, found from an aligner's phones; 0 first, `seconds` last.

    Leading and trailing silence belong to `sil`, a pause at punctuation to `sp`, a pause anywhere else to the phone
    before it. Where the aligner's phones differ from the text's (another pronunciation, an unknown word as one
    `spn`), the stretch that differs is shared evenly.

    Raises:
        ClipError: the aligner found no phone.
    """
    found = [phone for phone in alignment.phones if phone.label not in (SILENCE, PAUSE, "")]
    wanted = [symbol for symbol in phonemes if symbol not in (SILENCE, PAUSE)]
    if not found or not wanted:
        raise ClipError("The alignment holds no phone.")
    spans = iter(_spans(wanted, found))
    placed = [None if symbol in (SILENCE, PAUSE) else next(spans) for symbol in phonemes]
    return np.maximum.accumulate(np.clip(_edges(placed, seconds), 0.0, seconds))


def _spans(wanted: Sequence[str], found: Sequence[Interval]) -> list[_Span]:
    """A stretch of time for each phone of the text, by the cheapest edit from the aligner's phones."""
    edits = Levenshtein.opcodes([phone.label for phone in found], list(wanted))
    spans: list[_Span] = []
    for same, group in groupby(edits, key=lambda edit: edit.tag == "equal"):
        run = list(group)
        source = found[run[0].src_start : run[-1].src_end]
        count = run[-1].dest_end - run[0].dest_start
        if same:
            spans.extend(_Span(phone.start, phone.end) for phone in source)
        elif count:
            start = source[0].start if source else _end_before(found, run[0].src_start)
            cuts = np.linspace(start, source[-1].end if source else start, count + 1)
            spans.extend(_Span(float(a), float(b)) for a, b in pairwise(cuts))
        elif spans:  # one phone too many: its time goes to the phone before, or else to the leading silence
            spans[-1] = _Span(spans[-1].start, source[-1].end)
    return spans


def _end_before(found: Sequence[Interval], index: int) -> float:
    return found[index - 1].end if index else found[0].start


def _edges(placed: Sequence[_Span | None], seconds: float) -> np.ndarray:
    """Boundaries [N+1]: a phone ends where the next begins, a silence (None) fills what is between its neighbours."""
    edges = [0.0]
    for here, following in zip(placed, [*placed[1:], None], strict=True):
        if following is not None:
            edges.append(following.start)
        else:  # a silence follows: the phone keeps its own end
            edges.append(here.end if here is not None else edges[-1])
    edges[-1] = seconds
    return np.array(edges)


def run_lengths(edges: np.ndarray, rate: float, total: int) -> np.ndarray:
    """Boundaries [N+1] (s) -> durations int64 [N] at `rate` per second, which sum to `total` exactly.

    Boundaries are rounded, not durations, so that no error piles up; the last phoneme absorbs a clip's odd end.
    """
    ticks = np.floor(np.asarray(edges, np.float64) * rate + 0.5).astype(np.int64)
    ticks = np.maximum.accumulate(np.clip(ticks, 0, total))
    ticks[0], ticks[-1] = 0, total
    return np.diff(ticks)


def alignment_matrix(durations: Sequence[int] | np.ndarray) -> np.ndarray:
    """Durations [N] -> bool [L, N], L their sum: row i is True at the phoneme that owns frame or token i."""
    durations = np.asarray(durations, dtype=np.int64)
    owner = np.repeat(np.arange(len(durations)), durations)
    return owner[:, None] == np.arange(len(durations))


def n_tokens_of_frames(n_frames: int, frame_rate: float, token_rate: float) -> int:
    """T = round(F * token_rate / frame_rate): F * 16 / 5 at 25 frames and 80 tokens per second."""
    return round(n_frames * token_rate / frame_rate)


def n_tokens_of_samples(n_samples: int, sample_rate: float, token_rate: float) -> int:
    """T = round(samples * token_rate / sample_rate), for audio without video."""
    return round(n_samples * token_rate / sample_rate)
