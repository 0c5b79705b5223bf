"""Which clips are heard, in which order, and what becomes of the answers."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dubber.artifacts import write_rows
from dubber.errors import DubberError
from dubber.listening.answers import Answer, answer_files, keep, latest, read_answers
from dubber.listening.definition import ListeningSettings, file_of, load_test, sound_file, trials
from dubber.listening.make import Sources, levelled, make_test
from dubber.media.audio import read_audio
from dubber.steps.audio import AUDIO
from dubber.steps.dubs import DUBS
from tests.helpers.running import small_test

CLIPS = [f"c{i}" for i in range(8)]


def tone(loudness: float) -> np.ndarray:
    return (loudness * np.sin(np.arange(4000) / 20)).astype(np.int16)


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Eight test clips in two shards; the last one has no reference, and `full` has no speech for the first."""
    rows = [{"clip": clip, "reference": f"r{i % 3}" if i < 7 else None} for i, clip in enumerate(CLIPS)]
    dubs = {}
    for system, loudness in (("ground_truth", 9000), ("full", 900)):
        spoken = [clip for clip in CLIPS if (system, clip) != ("full", "c0")]
        dubs[system] = [str(tmp_path / f"{system}_{part}.parquet") for part in (0, 1)]
        for part, path in enumerate(dubs[system]):
            write_rows(path, [{"clip": clip, "samples": tone(loudness)} for clip in spoken[part::2]], DUBS)
    references = [str(tmp_path / "references.parquet")]
    write_rows(references[0], [{"clip": f"r{i}", "samples": tone(3000)} for i in range(3)], AUDIO)
    return Sources(rows, dubs, references, {"full": "abc"})


def settings(**changes) -> ListeningSettings:
    return ListeningSettings(**{"experiment": "demo", "systems": ("ground_truth", "full"), "samples": 4, **changes})


def heard(test, system: str) -> list[str]:
    return [item.clip for item in test.items if item.system == system]


def test_every_system_is_heard_on_the_same_clips_and_a_missing_one_is_counted(sources, tmp_path):
    test = make_test(settings(samples=30), sources, tmp_path / "all")
    assert set(heard(test, "full")) == set(CLIPS) - {"c0", "c7"}, "c0 was not dubbed, c7 has no reference"
    assert heard(test, "full") == heard(test, "ground_truth")
    assert {system.system: system.n_failed for system in test.systems} == {"ground_truth": 0, "full": 1}
    assert {system.system: system.fingerprint for system in test.systems} == {"ground_truth": "", "full": "abc"}


def test_the_choice_follows_the_seed(sources, tmp_path):
    first, again = (make_test(settings(), sources, tmp_path / name) for name in ("a", "b"))
    assert heard(first, "full") == heard(again, "full") and len(heard(first, "full")) == 4
    others = [heard(make_test(settings(seed=seed), sources, tmp_path / str(seed)), "full") for seed in range(1, 6)]
    assert any(set(other) != set(heard(first, "full")) for other in others)


def test_names_of_sounds_say_nothing_and_levels_are_equal(sources, tmp_path):
    test = make_test(settings(), sources, tmp_path / "t")
    again = make_test(settings(), sources, tmp_path / "u")
    assert not {item.sample for item in test.items} & {item.sample for item in again.items}, "names are random"
    assert len({item.sample for item in test.items}) == len(test.items)
    sounds = {item.sample for item in test.items} | {item.reference for item in test.items}
    levels = [np.sqrt(np.mean(read_audio(sound_file(tmp_path / "t", s)).samples ** 2)) for s in sounds]
    assert 20 * np.log10(levels) == pytest.approx(np.full(len(sounds), -26.0), abs=0.05)


def test_a_level_never_clips_and_silence_stays_silent():
    click = np.zeros(16000, np.float32)
    click[8] = 0.01
    assert np.abs(levelled(click, -26.0)).max() == pytest.approx(0.99)
    assert not levelled(np.zeros(10, np.float32), -26.0).any()


def test_a_test_that_was_written_down_is_read_as_it_was(sources, tmp_path):
    test = make_test(settings(), sources, tmp_path)
    assert load_test(file_of(tmp_path)) == test
    file_of(tmp_path).write_text("{}")
    with pytest.raises(DubberError, match="cannot be read"):
        load_test(file_of(tmp_path))


def test_no_clip_that_all_systems_speak(sources, tmp_path):
    lonely = Sources(sources.rows[:1], sources.dubs, sources.references, {})
    with pytest.raises(DubberError, match="no test clip that every system speaks"):
        make_test(settings(), lonely, tmp_path)


def test_answers_without_their_test_are_not_given_another(sources, tmp_path):
    small_test(tmp_path)
    folder = tmp_path / "listening/demo/2.0"
    keep(an_answer(), folder)
    file_of(folder).unlink()
    with pytest.raises(DubberError, match="answers without the test"):
        make_test(settings(), sources, folder)


def test_order_is_the_listeners_own_stable_and_complete(tmp_path):
    test = small_test(tmp_path, clips=6)
    ada, bob = (trials(test, name) for name in ("ada", "bob"))
    assert ada == trials(load_test(tmp_path / "listening/demo/2.0/test.json"), "ada")
    assert ada != bob
    expected = Counter((question, item.sample) for item in test.items for question in ("similarity", "naturalness"))
    for asked in (ada, bob):
        assert Counter((trial.question, trial.item.sample) for trial in asked) == expected
        questions = [trial.question for trial in asked]
        assert questions == sorted(questions, reverse=questions[0] == "similarity"), "one question after the other"


def test_both_questions_come_first_and_no_system_does(tmp_path):
    test = small_test(tmp_path)
    firsts = [trials(test, f"listener{i}")[0] for i in range(300)]
    assert 110 < sum(trial.question == "similarity" for trial in firsts) < 190
    systems = Counter(trial.item.system for trial in firsts)
    assert all(70 < systems[system] < 130 for system in ("ground_truth", "codec", "full"))


def an_answer(value: int = 3, listener: str = "ada", sample: str = "0" * 16) -> Answer:
    return Answer(
        listener=listener,
        question="similarity",
        sample=sample,
        value=value,
        system="full",
        clip="c0",
        time="2026-01-01T00:00:00+00:00",
    )


def test_the_last_answer_counts_and_none_is_lost(tmp_path):
    for value in (2, 5, 4):
        keep(an_answer(value), tmp_path)
    keep(an_answer(1, sample="1" * 16), tmp_path)
    (path,) = answer_files(tmp_path)
    assert [answer.value for answer in read_answers(path)] == [2, 5, 4, 1]
    assert [answer.value for answer in latest(read_answers(path))] == [4, 1]


def test_a_torn_line_costs_itself(tmp_path, caplog):
    keep(an_answer(2), tmp_path)
    (path,) = answer_files(tmp_path)
    with path.open("a") as file:
        file.write('{"listener": "ada", "val')
    assert [answer.value for answer in read_answers(path)] == [2]
    keep(an_answer(5), tmp_path)
    assert [answer.value for answer in read_answers(path)] == [2, 5]
    assert "line 2 is not a whole answer" in caplog.text


def test_a_disk_that_fills_in_mid_line_is_an_error_and_the_next_answer_is_whole(tmp_path):
    keep(an_answer(2), tmp_path)
    (path,) = answer_files(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, before[1]))
    try:
        with pytest.raises(OSError):
            keep(an_answer(3), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    keep(an_answer(5), tmp_path)
    assert [answer.value for answer in read_answers(path)] == [2, 5]


def test_an_answer_is_on_the_disk_when_keep_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    keep(an_answer(), tmp_path)
    (path,) = answer_files(tmp_path)
    assert synced == [path.stat().st_ino, path.parent.stat().st_ino]


def keep_many(folder: Path, sample: str) -> None:
    for value in (1, 2, 3, 4, 5) * 20:
        keep(an_answer(value, sample=sample), folder)


def test_processes_that_write_at_once_tear_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=keep_many, args=(tmp_path, str(i) * 16)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    (path,) = answer_files(tmp_path)
    lines = path.read_text().splitlines()
    assert len(lines) == 300
    assert Counter(json.loads(line)["sample"] for line in lines) == {str(i) * 16: 100 for i in range(3)}
