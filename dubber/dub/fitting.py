"""How words and times are made to fit: sentences over a video, and cues that are too long for their spans."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from dubber.dub.cues import Cue
from dubber.dub.sound import Piece
from dubber.media.pictures import read_grey
from dubber.media.video import Span
from dubber.text.alphabet import PAUSE, SILENCE
from dubber.text.normalise import normalise
from dubber.text.phonemes import Pronunciation

log = logging.getLogger(__name__)

COMFORTABLE = 15.0  # phonemes/s; conversation has 10 to 15
SHORTEST_PAUSE = 0.12  # s that are left between two cues
LEAST_PER_SENTENCE = 2.0  # s of a video, below which a text is said in one go
QUOTED_WORDS = 12  # of a text that would fit, in a message

# Of the mouth's motion: how it is smoothed, what is speech, what is one stretch of it; s, and shares of its range
SMOOTH = 0.2
MOVES_ABOVE = 0.3
LONGEST_REST = 0.4
SHORTEST_SPEECH = 0.3
MARGIN = 0.1
LEAST_CONTRAST = 2.0  # of moving to resting; below it the mouth never rests, or never speaks

_SENTENCE_END = re.compile(r"(?<=[.?!…])[\"'”’)\]]*\s+(?=\S)|\s*\n\s*\n\s*(?=\S)")
_TITLES = "mr|mrs|ms|dr|prof|st|mt|ft|gen|col|capt|lt|sgt|rev|hon|sen|gov|rep|vs|etc|approx|jr|sr|inc|ltd|co"
_MONTHS = "jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
_NO_END = re.compile(rf"(?:\b(?i:{_TITLES}|{_MONTHS})|\b[A-Z]|\b(?:[A-Za-z]\.)+[A-Za-z])\.$")
_BEFORE_NUMBERS = re.compile(r"\b(?i:nos?|vol|fig|pp?|ch|sec)\.$")


def sentences(text: str) -> list[str]:
    """The sentences of a text, told by their last sign; titles and initials do not end one."""
    found, begin = [], 0
    for end in _SENTENCE_END.finditer(text):
        said = text[begin : end.start()]
        before_number = text[end.end()].isdecimal() and _BEFORE_NUMBERS.search(said)
        if not _NO_END.search(said) and not before_number:
            found.append(text[begin : end.end()].strip())
            begin = end.end()
    return [sentence for sentence in (*found, text[begin:].strip()) if normalise(sentence)]


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


def with_shorter_pauses(said: Sequence[tuple[Cue, Pronunciation]], duration: float) -> list[tuple[Cue, Pronunciation]]:
    """Cues that are too short for their words, longer by the pauses around them and without the pauses inside.

    A cue first takes of the pause after it, then of the one before; `SHORTEST_PAUSE` is left of each.

    Args:
        said: cues in their order, and their texts.
        duration: s of the video; 0 where it is unknown.
    """
    made: list[tuple[Cue, Pronunciation]] = []
    for i, (cue, text) in enumerate(said):
        start, end, wanted = cue.span.start, cue.span.end, needs(text)
        if end is not None and end - start < wanted:
            following = said[i + 1][0].span.start - SHORTEST_PAUSE if i + 1 < len(said) else duration
            before = (made[-1][0].span.end or start) + SHORTEST_PAUSE if made else 0.0
            end = max(end, min(start + wanted, following))
            start = min(start, max(end - wanted, before))
            gained = end - start - _length(cue.span)
            log.info("%s is spoken without pauses, and has %.2f s of those around it", cue.name, gained)
            cue = replace(cue, span=Span(start, end))
            text = replace(text, pause_after=(False,) * len(text.words))
        made.append((cue, text))
    return made


def mouth_motion(lips: Sequence[bytes]) -> np.ndarray:
    """How much the picture of the lips changes at each frame: float [F], from F JPEGs."""
    pictures = [read_grey(jpeg).astype(np.float32) for jpeg in lips]
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(pictures)]
    return np.array([*changes[:1], *changes])


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


def spread(cue: Cue, end: float, speech: Sequence[Span]) -> list[Cue]:
    """A cue's sentences, one after the other, in the stretches of speech or, without any, in all of its span.

    Longer sentences get more time, by the letters that are spoken.

    Args:
        end: s; of the cue, or of the video.
        speech: within the cue's span.
    """
    said = sentences(cue.text)
    weights = [len(normalise(sentence)) for sentence in said]
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


def without_gaps(pieces: Sequence[Piece], span: Span, rate: int) -> tuple[Piece, ...]:
    """Speech with silence between its pieces, from the beginning of a span to its end: nothing else is heard there."""
    starts = [span.start, *(piece.start for piece in pieces[1:])]
    ends = [*starts[1:], span.end]
    made = []
    for piece, start, end in zip(pieces, starts, ends, strict=True):
        lead = np.zeros(round((piece.start - start) * rate), np.float32)
        spoken = np.concatenate((lead, piece.samples))
        rest = 0 if end is None else max(0, round((end - start) * rate) - len(spoken))
        made.append(replace(piece, start=start, samples=np.pad(spoken, (0, rest))))
    return tuple(made)


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
