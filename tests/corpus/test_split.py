"""Held-out clips: exact counts, stable, from a list in any spelling."""

from __future__ import annotations

import pytest

from dubber.corpus.clip import Clip
from dubber.corpus.settings import LimitSettings, SplitSettings
from dubber.corpus.split import choose_splits, limited
from dubber.errors import DubberError
from tests.helpers import grid_folder


def clips(counts: dict[str, int]) -> list[Clip]:
    names = grid_folder.names(1000)
    return [Clip(f"{speaker}_{name}", speaker, "") for speaker, count in counts.items() for name in names[:count]]


def count(chosen: dict[str, str], speaker: str) -> tuple[int, int, int]:
    own = [split for clip, split in chosen.items() if clip.startswith(f"{speaker}_")]
    return own.count("test"), own.count("val"), own.count("train")


def test_a_hundred_of_each_thousand_are_the_test():
    chosen = choose_splits(clips({"s1": 1000, "s2": 1000}), {}, SplitSettings())
    assert count(chosen, "s1") == count(chosen, "s2") == (100, 10, 890)
    sentences = [
        {clip[3:] for clip, split in chosen.items() if split == "test" and clip[:2] == s} for s in ("s1", "s2")
    ]
    assert sentences[0] != sentences[1]


@pytest.mark.parametrize(
    ("size", "expected"), [(1, (0, 0, 1)), (4, (1, 0, 3)), (8, (1, 1, 6)), (40, (9, 1, 30)), (500, (100, 10, 390))]
)
def test_a_speaker_of_few_clips_keeps_most_for_training(size, expected):
    assert count(choose_splits(clips({"s1": size}), {}, SplitSettings()), "s1") == expected


def test_the_choice_depends_on_names_and_seed_alone():
    given = clips({"s1": 200, "s2": 100})
    chosen = choose_splits(given, {}, SplitSettings())
    assert choose_splits(given[::-1], {}, SplitSettings()) == chosen
    assert choose_splits(given, {}, SplitSettings(seed=1)) != chosen


def test_more_clips_fill_up_what_is_held_out_and_move_none():
    before = choose_splits(clips({"s1": 100}), {}, SplitSettings())
    assert count(before, "s1") == (24, 1, 75)
    after = choose_splits(clips({"s1": 1000}), before, SplitSettings())
    assert count(after, "s1") == (100, 10, 890)
    assert before.items() <= after.items()


def test_what_the_corpus_fixes_stays():
    given = [Clip(f"x_{i}", "x", "", split="test" if i < 50 else "train") for i in range(60)]
    chosen = choose_splits(given, {"x_0": "train"}, SplitSettings())
    assert [chosen[f"x_{i}"] for i in range(60)] == ["test"] * 50 + ["train"] * 10


@pytest.mark.parametrize("spelling", ["{s}/{s}-{n}", "{s}/{n}", "{s}_{n}", "{s}-{n}", "{s}/{s}_{n}", "{s}/{n}|words"])
def test_a_published_list_is_understood_however_it_spells_a_clip(tmp_path, spelling):
    given = clips({"s1": 50, "s12": 50})
    wanted = given[10:20] + given[60:65]
    path = tmp_path / "list.txt"
    path.write_text("\n".join(spelling.format(s=c.speaker, n=c.clip.partition("_")[2]) for c in wanted) + "\n\n")
    chosen = choose_splits(given, {}, SplitSettings(test_list=str(path), val_per_speaker=3))
    assert {clip for clip, split in chosen.items() if split == "test"} == {clip.clip for clip in wanted}
    assert count(chosen, "s1")[1] == count(chosen, "s12")[1] == 3  # validation comes from what the list leaves


def test_a_list_rules_over_earlier_decisions_and_the_corpus(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("x/b\n")
    given = [Clip("x_a", "x", "", split="test"), Clip("x_b", "x", "", split="train"), Clip("x_c", "x", "")]
    settings = SplitSettings(test_list=str(path))
    assert choose_splits(given, {"x_c": "test"}, settings) == {"x_a": "train", "x_b": "test", "x_c": "train"}


def test_a_bare_name_is_every_speakers_clip(tmp_path):
    path = tmp_path / "list.txt"
    given = clips({"s1": 30, "s2": 20})
    name = given[25].clip.partition("_")[2], given[0].clip.partition("_")[2]
    path.write_text("\n".join(name))
    chosen = choose_splits(given, {}, SplitSettings(test_list=str(path)))
    assert {clip for clip, split in chosen.items() if split == "test"} == {
        f"s1_{name[0]}",
        f"s1_{name[1]}",
        f"s2_{name[1]}",
    }


def test_a_list_of_another_corpus_is_refused(tmp_path, caplog):
    path = tmp_path / "list.txt"
    path.write_text("s9/zzzz\n")
    with pytest.raises(DubberError, match=r"names no clip(?s:.)*s9/zzzz"):
        choose_splits(clips({"s1": 10}), {}, SplitSettings(test_list=str(path)))
    path.write_text(f"s9/zzzz\n{clips({'s1': 1})[0].clip}\n")
    choose_splits(clips({"s1": 10}), {}, SplitSettings(test_list=str(path)))
    assert "1 of 2 test clips are not in the corpus, first s9/zzzz" in caplog.text
    with pytest.raises(DubberError, match="cannot be read"):
        choose_splits(clips({"s1": 10}), {}, SplitSettings(test_list=str(tmp_path / "none.txt")))


def test_a_limit_takes_the_same_clips_of_a_larger_corpus():
    given = clips({"s1": 300, "s2": 300})
    chosen = choose_splits(given, {}, SplitSettings(test_per_speaker=50))
    few = limited(given, chosen, LimitSettings(train=20, val=2, test=5), ())
    more = limited(given, chosen, LimitSettings(train=40, test=5), ())
    assert [sum(chosen[c.clip] == s for c in few) for s in ("train", "val", "test")] == [20, 2, 5]
    assert [sum(chosen[c.clip] == s for c in more) for s in ("train", "val", "test")] == [40, 20, 5]
    assert {c.clip for c in few} < {c.clip for c in more}
