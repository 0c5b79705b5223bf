from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubber.align.durations import alignment_matrix, boundaries, n_tokens_of_frames, run_lengths
from dubber.align.phones import Alignment, Interval
from dubber.errors import ClipError


def aligned(text: str) -> Alignment:
    """`sil:0.5 R:1.0 ...` -> an alignment whose phones end at these times."""
    phones, start = [], 0.0
    for item in text.split():
        label, end = item.split(":")
        phones.append(Interval(label, start, float(end)))
        start = float(end)
    return Alignment(tuple(phones), ())


def edges_of(phonemes: str, alignment: str, seconds: float) -> list[float]:
    return boundaries(phonemes.split(), aligned(alignment), seconds).round(6).tolist()


def test_silence_at_the_ends_belongs_to_sil():
    assert edges_of("sil R EH D sil", "sil:0.3 R:0.4 EH:0.6 D:0.7 sil:1", 1) == [0, 0.3, 0.4, 0.6, 0.7, 1]


def test_a_clip_that_begins_and_ends_in_speech_has_empty_silences():
    assert edges_of("sil R D sil", "R:0.4 D:1", 1) == [0, 0, 0.4, 1, 1]


def test_a_pause_without_punctuation_goes_to_the_phone_before():
    assert edges_of("sil R D sil", "sil:0.1 R:0.4 sil:0.7 D:0.9 sil:1", 1) == [0, 0.1, 0.7, 0.9, 1]


def test_a_pause_at_punctuation_is_its_own_and_may_be_empty():
    assert edges_of("sil R sp D sil", "sil:0.1 R:0.4 sil:0.7 D:0.9 sil:1", 1) == [0, 0.1, 0.4, 0.7, 0.9, 1]
    assert edges_of("sil R sp D sil", "sil:0.1 R:0.4 D:0.9 sil:1", 1) == [0, 0.1, 0.4, 0.4, 0.9, 1]


@pytest.mark.parametrize(
    ("alignment", "edges"),
    [
        ("sil:0.1 R:0.2 IH:0.4 D:0.9 sil:1", [0, 0.1, 0.2, 0.4, 0.9, 1]),  # another vowel
        ("sil:0.1 spn:0.7 sil:1", [0, 0.1, 0.3, 0.5, 0.7, 1]),  # an unknown word as one sound
        ("sil:0.1 R:0.2 EH:0.4 D:0.6 Z:0.9 sil:1", [0, 0.1, 0.2, 0.4, 0.9, 1]),  # one phone too many
        ("sil:0.1 R:0.2 D:0.9 sil:1", [0, 0.1, 0.2, 0.2, 0.9, 1]),  # one too few: it owns nothing
        ("sil:0.1 EH:0.2 D:0.9 sil:1", [0, 0.1, 0.1, 0.2, 0.9, 1]),
    ],
)
def test_another_pronunciation_is_laid_over_that_of_the_text(alignment, edges):
    assert edges_of("sil R EH D sil", alignment, 1) == edges


def test_an_alignment_longer_than_the_video_is_cut():
    assert edges_of("sil R D sil", "sil:0.1 R:0.5 D:0.9 sil:1", 0.6) == [0, 0.1, 0.5, 0.6, 0.6]


def test_silence_alone_is_a_failed_clip():
    with pytest.raises(ClipError):
        boundaries(("sil", "R", "sil"), aligned("sil:1"), 1)


def test_durations_are_differences_of_rounded_boundaries():
    assert run_lengths(np.array([0, 0.31, 0.33, 0.6, 1.0]), 25, 25).tolist() == [8, 0, 7, 10]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.floats(0.01, 20),
    st.sampled_from([25.0, 80.0]),
    st.integers(-3, 3),
)
def test_durations_are_never_negative_and_sum_to_the_length(shares, seconds, rate, odd):
    edges = np.concatenate([[0], np.cumsum(shares) / max(sum(shares), 1e-9) * seconds, [seconds]])
    total = max(round(seconds * rate) + odd, 0)
    durations = run_lengths(edges, rate, total)
    assert durations.min() >= 0
    assert durations.sum() == total
    assert len(durations) == len(edges) - 1
    drift = np.abs(np.cumsum(durations)[:-1] - edges[1:-1] * rate)
    assert (drift <= 0.5 + max(-odd, 0) + 0.5).all()


symbols = st.sampled_from(["R", "EH", "D", "S", "T"])
labels = st.sampled_from(["R", "EH", "D", "S", "T", "spn", "sil", "sp"])


@given(
    wanted=st.lists(st.tuples(symbols, st.booleans()), min_size=1, max_size=20),
    found=st.lists(st.tuples(labels, st.floats(0, 0.5)), max_size=30),
    seconds=st.floats(0.1, 8),
)
def test_any_alignment_gives_ordered_boundaries_over_the_whole_clip(wanted, found, seconds):
    phonemes = ["sil", *(s for symbol, pause in wanted for s in ([symbol, "sp"] if pause else [symbol])), "sil"]
    ends = np.cumsum([length for _, length in found])
    phones = tuple(
        Interval(label, float(end - length), float(end)) for (label, length), end in zip(found, ends, strict=True)
    )
    if not any(label not in ("sil", "sp") for label, _ in found):
        with pytest.raises(ClipError):
            boundaries(phonemes, Alignment(phones, ()), seconds)
        return
    edges = boundaries(phonemes, Alignment(phones, ()), seconds)
    assert len(edges) == len(phonemes) + 1
    assert edges[0] == 0 and edges[-1] == seconds
    assert (np.diff(edges) >= 0).all()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_the_matrix_gives_each_frame_to_one_phoneme_in_order(durations):
    m = alignment_matrix(durations)
    assert m.shape == (sum(durations), len(durations)) and m.dtype == bool
    assert m.sum(0).tolist() == durations
    assert (m.sum(1) == 1).all()
    assert (np.diff(m.argmax(1)) >= 0).all() if len(m) else True


@given(st.integers(1, 5000))
def test_tokens_follow_frames(n_frames):
    assert abs(n_tokens_of_frames(n_frames, 25, 80) - n_frames * 16 / 5) <= 0.5
