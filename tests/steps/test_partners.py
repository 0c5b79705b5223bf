"""Partners of the control systems: derivable, even, with other words or of another speaker."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np

from dubber.steps.partners import text_partners, voice_partners


def rows(*clips: tuple[str, str, str]) -> list[dict]:
    return [{"clip": clip, "speaker": speaker, "text": text} for clip, speaker, text in clips]


def grid_like(n: int) -> list[dict]:
    """Sentences of six words of a small vocabulary, as GRID's, in the order of their words."""
    commands, colours = ("bin", "lay", "place", "set"), ("blue", "green", "red", "white")
    words = (commands, colours, ("at", "by", "in", "with"), "bdfhkq", ("one", "two", "six", "nine"))
    texts = [" ".join(text) for text in product(*words)]
    picks = np.random.default_rng(1).choice(len(texts), n, replace=False)
    return rows(*((f"c{i:03d}", f"s{i % 3}", texts[pick]) for i, pick in enumerate(sorted(picks))))


def test_texts_are_swapped_so_that_no_word_stays():
    clips = grid_like(60)
    texts = {row["clip"]: set(row["text"].split()) for row in clips}
    partners = text_partners(clips)
    assert set(partners) == set(texts)
    assert all(not texts[clip] & texts[other] for clip, other in partners.items())


def test_every_clip_serves_once():
    for partners in (text_partners(grid_like(41)), voice_partners(grid_like(41))):
        assert set(Counter(partners.values()).values()) == {1}


def test_neither_the_order_of_the_rows_nor_the_day_matters():
    clips = grid_like(30)
    for find in (text_partners, voice_partners):
        assert find(clips) == find(clips[::-1]) == find(grid_like(30))


def test_a_partner_is_of_another_speaker():
    clips = grid_like(30)
    speaker = {row["clip"]: row["speaker"] for row in clips}
    assert all(speaker[clip] != speaker[other] for clip, other in voice_partners(clips).items())


def test_where_one_speaker_has_most_clips_the_others_serve_in_turn():
    clips = rows(*((f"a{i}", "a", f"text {i}") for i in range(7)), ("b", "b", "x"), ("c", "c", "y"), ("d", "d", "z"))
    partners = voice_partners(clips)
    speaker = {row["clip"]: row["speaker"] for row in clips}
    assert all(speaker[clip] != speaker[other] for clip, other in partners.items())
    assert max(Counter(partners.values()).values()) == 3, "seven clips and three others to serve them"


def test_the_same_words_in_another_dress_are_the_same_text():
    clips = rows(("x", "s", "Bin blue, at F two."), ("y", "s", "bin blue at f 2"), ("z", "s", "set red"))
    partners = text_partners(clips)
    assert partners["x"] == partners["y"] == "z"


def test_without_another_speaker_or_text_there_is_no_partner():
    clips = rows(("x", "s", "one"), ("y", "s", "One."))
    assert voice_partners(clips) == {} and text_partners(clips) == {}
