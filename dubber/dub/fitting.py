"""How words and times are made to fit: sentences over a video, and cues that are too long for their spans."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from dubber.dub.cues import Cue
from dubber.media.video import Span
from dubber.text.alphabet import PAUSE, SILENCE
from dubber.text.phonemes import Pronunciation

log = logging.getLogger(__name__)

COMFORTABLE = 15.0  # phonemes/s; conversation has 10 to 15
SHORTEST_PAUSE = 0.12  # s that are left between two cues
QUOTED_WORDS = 12  # of a text that would fit, in a message

# Of the mouth's motion: how it is smoothed, what is speech, what is one stretch of it; s, and shares of its range
SMOOTH = 0.2
MOVES_ABOVE = 0.3
LONGEST_REST = 0.4
SHORTEST_SPEECH = 0.3
MARGIN = 0.1
LEAST_CONTRAST = 2.0  # of moving to resting; below it the mouth never rests, or never speaks

_SENTENCE_END = re.compile(r"(?<=[.?!…])[\"'”’)\]]*\s+(?=\S)|\s*\n\s*\n\s*")
_NO_END = re.compile(
    r"(?:\b(?i:mr|mrs|ms|dr|prof|st|mt|ft|gen|col|capt|lt|sgt|rev|hon|sen|gov|rep|vs|etc|approx|no|nos|vol|fig|pp?|jr|sr|"
    r"inc|ltd|co|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)|\b[A-Za-z]|\b(?:[A-Za-z]\.)+[A-Za-z])\.$"
)


def sentences(text: str) -> list[str]:
    """The sentences of a text, told by their last sign; titles and initials do not end one."""
    found, begin = [], 0
    for end in _SENTENCE_END.finditer(text):
        if not _NO_END.search(text[begin : end.start()]):
            found.append(text[begin : end.end()].strip())
            begin = end.end()
    return [sentence for sentence in (*found, text[begin:].strip()) if sentence]


def count_spoken(text: Pronunciation) -> int:
    """Phonemes but for silences."""
    return sum(symbol not in (SILENCE, PAUSE) for symbol in text.phonemes)


def room_for(text: Pronunciation, n_frames: int, fps: int) -> str:
    """What of a text would fit into F video frames, and how long all of it takes: for a message."""
    needed = f"all of it takes {count_spoken(text) / fps:.1f} s at the very least, {needs(text):.1f} s in comfort"
    phones, n_words = 0, 0
    while n_words < len(text.words) and phones + len(text.phones[n_words]) <= n_frames:
        phones += len(text.phones[n_words])
        n_words += 1
    if not n_words:
        return needed
    quoted = " ".join(text.words[:n_words][:QUOTED_WORDS]) + (" ..." if n_words > QUOTED_WORDS else "")
    return f"its first {n_words} words would fit ({quoted}); {needed}"


def needs(text: Pronunciation) -> float:
    """Seconds in which a text is spoken in comfort."""
    return count_spoken(text) / COMFORTABLE


def with_shorter_pauses(cues: Sequence[Cue], needed: Sequence[float], duration: float) -> list[Cue]:
    """Cues that are too short for their words, longer by the pauses around them.

    A cue first takes of the pause after it, then of the one before; `SHORTEST_PAUSE` is left of each.

    Args:
        cues: in their order.
        needed: s that each wants.
        duration: s of the video; 0 where it is unknown.
    """
    made = list(cues)
    for i, (cue, wanted) in enumerate(zip(cues, needed, strict=True)):
        start, end = made[i].span.start, made[i].span.end
        if end is None or end - start >= wanted:
            continue
        following = made[i + 1].span.start - SHORTEST_PAUSE if i + 1 < len(made) else duration
        before = made[i - 1].span.end if i else -SHORTEST_PAUSE
        end = max(end, min(start + wanted, following))
        if before is not None:
            start = min(start, max(end - wanted, before + SHORTEST_PAUSE))
        if (start, end) != (cue.span.start, cue.span.end):
            log.info("%s has %.2f s of the pauses around it", cue.name, end - start - (cue.span.end or 0) + cue.span.start)
        made[i] = replace(cue, span=Span(start, end))
    return made


def mouth_spans(motion: np.ndarray, fps: float, start: float = 0.0) -> list[Span]:
    """When a mouth speaks, from how much its picture changes at each frame; empty where it never rests.

    Args:
        motion: float [F], of any scale.
        start: s of the first frame.
    """
    if len(motion) < fps * SHORTEST_SPEECH:
        return []
    width = max(1, round(SMOOTH * fps))
    smooth = np.convolve(np.pad(motion, width // 2, mode="edge"), np.ones(width) / width, mode="valid")[: len(motion)]
    rest, loud = np.percentile(smooth, (10, 95))
    if loud < LEAST_CONTRAST * max(rest, 1e-9):
        return []
    moves = np.flatnonzero(np.diff(np.concatenate(([0], smooth > rest + MOVES_ABOVE * (loud - rest), [0])).astype(int)))
    stretches: list[list[float]] = []
    for first, last in moves.reshape(-1, 2) / fps:
        if stretches and first - stretches[-1][1] < LONGEST_REST:
            stretches[-1][1] = last
        else:
            stretches.append([first, last])
    length = len(motion) / fps
    return [
        Span(start + max(0.0, first - MARGIN), start + min(length, last + MARGIN))
        for first, last in stretches
        if last - first >= SHORTEST_SPEECH
    ]


def spread(cue: Cue, end: float, speech: Sequence[Span], weigh: Callable[[str], float]) -> list[Cue]:
    """A cue's sentences, one after the other, in the stretches of speech or, without any, in all of its span.

    Args:
        end: s; of the cue, or of the video.
        speech: within the cue's span.
        weigh: how much time a sentence takes compared with others.
    """
    said = sentences(cue.text)
    weights = [max(weigh(sentence), 1e-6) for sentence in said]
    stretches = _merged(speech or [Span(cue.span.start, end)], len(said))
    groups = _shared_out(weights, [_length(span) for span in stretches])
    cues = []
    for span, group in zip(stretches, groups, strict=True):
        whole = sum(weights[i] for i in group)
        begin = span.start
        for i in group:
            stop = begin + _length(span) * weights[i] / whole
            cues.append(Cue(f"sentence {i + 1}", said[i], Span(begin, stop)))
            begin = stop
    return cues


def _length(span: Span) -> float:
    return (span.end or span.start) - span.start


def _merged(spans: Sequence[Span], most: int) -> list[Span]:
    """At most so many spans: those with the shortest rest between them become one."""
    made = list(spans)
    while len(made) > most:
        rests = [after.start - (before.end or 0.0) for before, after in pairwise(made)]
        i = rests.index(min(rests))
        made[i : i + 2] = [Span(made[i].start, made[i + 1].end)]
    return made


def _shared_out(weights: Sequence[float], lengths: Sequence[float]) -> list[list[int]]:
    """Sentences in order to spans in order, at least one each, so that the fastest is as slow as may be."""
    n, m = len(weights), len(lengths)
    best = [[(float("inf"), 0)] * (n + 1) for _ in range(m + 1)]
    best[0][0] = (0.0, 0)
    for span in range(1, m + 1):
        for last in range(span, n - (m - span) + 1):
            best[span][last] = min(
                (max(best[span - 1][first][0], sum(weights[first:last]) / lengths[span - 1]), first)
                for first in range(span - 1, last)
            )
    groups, last = [], n
    for span in range(m, 0, -1):
        first = best[span][last][1]
        groups.append(list(range(first, last)))
        last = first
    return groups[::-1]
