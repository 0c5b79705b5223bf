"""Sentences over a video, and cues that are too long for their spans."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from dubber import Cue, read_subtitles
from dubber.corpus.demo.clips import SPEAKERS
from dubber.corpus.demo.talking_head import Face, Pose
from dubber.dub.fitting import (
    COMFORTABLE,
    SHORTEST_PAUSE,
    mouth_spans,
    needs,
    room_for,
    sentences,
    spread,
    with_shorter_pauses,
    without_gaps,
)
from dubber.dub.sound import Piece
from dubber.errors import DubberError
from dubber.media.video import Span
from dubber.text.phonemes import phonemise
from tests.helpers.tiny_project import SIZE, every, write_film


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Bin blue. Set white! Why? Now", ["Bin blue.", "Set white!", "Why?", "Now"]),
        ("bin blue. set white.", ["bin blue.", "set white."]),
        ("Dr. Smith met J. R. Jones at 3.5 p.m. sharp.", ["Dr. Smith met J. R. Jones at 3.5 p.m. sharp."]),
        ("He said “no.” Then he left…  Good", ["He said “no.”", "Then he left…", "Good"]),
        ("One\n\ntwo\nthree", ["One", "two\nthree"]),
        ("Now. ... ", ["Now."]),
        ("See No. 5 of it. No. Five is no.", ["See No. 5 of it.", "No.", "Five is no."]),
        ("", []),
    ],
)
def test_sentences(text, found):
    assert sentences(text) == found


def test_a_text_that_is_too_long_is_told_what_would_fit():
    told = room_for(phonemise("bin blue at f two now"), n_frames=8, fps=25)
    assert told.startswith("its first 3 words would fit (bin blue at); all of it takes 0.6 s at the very least, 0.9 s")
    assert room_for(phonemise("bin blue"), n_frames=1, fps=25).startswith("all of it takes")


def cue(n: int, start: float, end: float | None, text: str = "bin blue at f two now") -> tuple[Cue, object]:
    return Cue(f"cue {n}", text, Span(start, end)), phonemise(text)


def test_a_cue_takes_the_pause_after_it_and_then_the_one_before():
    wanted = needs(phonemise("bin blue at f two now"))
    assert wanted == pytest.approx(14 / COMFORTABLE)
    roomy = with_shorter_pauses([cue(1, 1.0, 1.4), cue(2, 5.0, 9.0)], 10.0)
    assert [c.span for c, _ in roomy] == [Span(1.0, pytest.approx(1.0 + wanted)), Span(5.0, 9.0)]
    tight = with_shorter_pauses([cue(1, 0.0, 1.2), cue(2, 1.5, 1.8), cue(3, 2.0, 3.5)], 4.0)
    spans = [c.span for c, _ in tight]
    assert spans[1] == Span(pytest.approx(1.2 + SHORTEST_PAUSE), pytest.approx(2.0 - SHORTEST_PAUSE))
    assert all(after.start - before.end >= SHORTEST_PAUSE - 1e-9 for before, after in pairwise(spans))


def test_pauses_inside_go_only_where_time_is_short():
    said = [cue(1, 0.0, 0.5, "bin, blue, now"), cue(2, 5.0, 9.0, "bin, blue, now")]
    short, long = (text for _, text in with_shorter_pauses(said, 9.0))
    assert not any(short.pause_after) and any(long.pause_after)


def moving(*spans: tuple[float, float], seconds: float = 10.0) -> np.ndarray:
    times = np.arange(0, seconds, 0.04)
    active = np.any([(times >= a) & (times < b) for a, b in spans], axis=0)
    return np.where(active, 5 + 2 * np.sin(30 * times), 1 + 0.1 * np.sin(17 * times))


def test_the_mouth_moves_in_stretches():
    found = mouth_spans(moving((1.0, 3.0), (4.0, 6.0), (6.2, 7.0), (9.0, 9.1)), 25, start=100.0)
    assert [(pytest.approx(s.start, abs=0.25), pytest.approx(s.end, abs=0.25)) for s in found] == [
        (101.0, 103.0),
        (104.0, 107.0),
    ]


@pytest.mark.parametrize("motion", [np.ones(250), moving((0, 10)), np.zeros(250), np.ones(3)])
def test_a_mouth_that_never_rests_or_never_moves_has_no_stretches(motion):
    assert mouth_spans(motion, 25) == []


TEXT = Cue.from_text("Bin blue at f two now. Set white. Lay green by k six again please.", 2.0)


def test_sentences_take_the_stretches_in_turn():
    spans = [Span(2.5, 4.0), Span(5.0, 5.6), Span(7.0, 9.0)]
    assert [(c.name, c.span) for c in spread(TEXT, 10.0, spans)] == [
        (f"sentence {n}", span) for n, span in enumerate(spans, 1)
    ]


def test_without_stretches_sentences_share_the_span_by_their_length():
    cues = spread(TEXT, 10.0, [])
    assert [c.text for c in cues] == sentences(TEXT.text)
    assert cues[0].span.start == 2.0 and cues[-1].span.end == pytest.approx(10.0)
    assert all(before.span.end == after.span.start for before, after in pairwise(cues))
    lengths = [c.span.end - c.span.start for c in cues]
    assert lengths[1] < lengths[0] < lengths[2]


def test_more_stretches_than_sentences_are_joined_and_fewer_are_shared():
    many = spread(TEXT, 10.0, [Span(2, 3), Span(3.1, 4), Span(5, 6), Span(8, 9)])
    assert [(c.span.start, c.span.end) for c in many] == [(2, 4), (5, 6), (8, 9)]
    few = spread(TEXT, 10.0, [Span(2, 4), Span(6, 8)])
    assert [(c.span.start, c.span.end) for c in few][-1] == (6, 8)
    assert few[0].span.start == 2 and few[1].span.end == 4


def test_between_sentences_nothing_else_is_heard():
    pieces = [Piece("a", "a", 0.5, np.ones(10, np.float32)), Piece("b", "b", 2.0, np.ones(10, np.float32))]
    first, second = without_gaps(pieces, Span(0.0, 3.0), rate=10)
    assert (first.start, len(first.samples), second.start, len(second.samples)) == (0.0, 20, 2.0, 10)
    assert first.samples.sum() == 10 and not first.samples[:5].any()


def twice(times: list[float]) -> Iterator[np.ndarray]:
    """A face that speaks from 0.5 to 2 and from 4 to 5.5 s."""
    face = Face(SPEAKERS[0], SIZE)
    for time in times:
        speaks = 0.5 <= time < 2 or 4 <= time < 5.5
        opening = 6 + 6 * np.sin(2 * np.pi * 2.5 * time) if speaks else 0.0
        yield face.frame(Pose(opening=float(opening), rounding=0.2, brow=0.0, nod=0.0, sway=0.0, tilt=0.0))


def test_a_text_of_several_sentences_is_said_where_the_mouth_moves(tiny_dubber, reference, tmp_path):
    film = write_film(tmp_path / "a.mp4", every(25, 6.0), twice)
    dubbed = tiny_dubber.dub(film, "Bin blue at f. Set white by k.", reference)
    assert [p.name for p in dubbed.pieces] == ["sentence 1", "sentence 2"]
    loud = np.flatnonzero(np.abs(dubbed.samples) > 0.01) / dubbed.sample_rate
    assert len(dubbed.samples) / dubbed.sample_rate == pytest.approx(6.0, abs=0.1)
    assert 0.2 < loud.min() < 1.5 and not np.any((loud > 2.6) & (loud < 3.6))


def test_a_cue_that_does_not_fit_says_what_would_and_fit_gives_it_the_pause(tiny_dubber, film, reference, tmp_path):
    words = tmp_path / "a.srt"
    words.write_text("1\n00:00:00,200 --> 00:00:00,400\nbin blue at f two now\n")
    with pytest.raises(DubberError, match=r"its first \d words would fit \(bin") as told:
        tiny_dubber.dub(film, read_subtitles(words), reference)
    assert "--fit" in (told.value.hint or "")
    (piece,) = tiny_dubber.dub(film, read_subtitles(words), reference, fit=True).pieces
    assert len(piece.samples) / 16_000 == pytest.approx(14 / COMFORTABLE, abs=0.05)
