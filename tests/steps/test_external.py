"""Other systems' speech: found by name, read as it is, missing files counted."""

from __future__ import annotations

import numpy as np
import pytest

from dubber import config
from dubber.artifacts import failures_path, read_rows
from dubber.errors import ClipError, ConfigError, MissingDataError
from dubber.media.audio import write_wav
from dubber.steps.external import external
from dubber.user_files import speech_digest, speech_file
from tests.helpers.shards import shard_of


def row(clip: str, split: str = "test", **media: str | None) -> dict:
    return {"clip": clip, "split": split, "video": None, "audio": None, **media}


ROWS = [
    row("s1_bbaf2n", video="s1/bbaf2n.mpg"),
    row("s1_lgbb1n", video="s1/lgbb1n.mpg"),
    row("s2_bbaf2n", video="s2/bbaf2n.mpg"),
    row("s2_train", "train", video="s2/train.mpg"),
]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "their system"
    (path / "s1").mkdir(parents=True)
    write_wav(path / "s1_bbaf2n.wav", 0.1 * np.sin(np.arange(8000) / 9), 16_000)
    write_wav(path / "s1/lgbb1n.wav", 0.1 * np.sin(np.arange(11025) / 9), 22_050)
    return path


def test_a_clip_is_found_by_its_name_or_by_its_place_in_the_corpus(folder):
    assert speech_file(folder, ROWS[0]).name == "s1_bbaf2n.wav"
    assert speech_file(folder, ROWS[1]) == folder / "s1/lgbb1n.wav"


def test_two_files_for_a_clip_are_not_chosen_between(folder):
    write_wav(folder / "s1/bbaf2n.wav", np.zeros(8000), 16_000)
    with pytest.raises(ClipError, match="several files"):
        speech_file(folder, ROWS[0])


def test_what_is_delivered_is_scored_and_what_is_missing_fails(folder, tmp_path):
    external(shard_of(ROWS, tmp_path / "0000.parquet"), folder)
    found = {row["clip"]: row for row in read_rows(tmp_path / "0000.parquet")}
    assert {clip: len(row["samples"]) for clip, row in found.items()} == {"s1_bbaf2n": 8000, "s1_lgbb1n": 8000}
    assert all(row["seconds"] is None for row in found.values()), "their synthesis time is not known"
    (failure,) = read_rows(failures_path(tmp_path / "0000.parquet"))
    assert failure["clip"] == "s2_bbaf2n" and "no output" in failure["reason"]


def test_a_missing_folder_is_an_error_and_not_all_clips_failed(tmp_path):
    with pytest.raises(MissingDataError, match="is missing"):
        external(shard_of(ROWS, tmp_path / "0000.parquet"), tmp_path / "nowhere")


def test_a_new_file_makes_the_shard_stale(folder):
    before = speech_digest(folder, ROWS)
    (folder / "notes.txt").write_text("no clip")
    write_wav(folder / "s2_train.wav", np.zeros(800), 16_000)
    assert speech_digest(folder, ROWS) == before
    write_wav(folder / "s2_bbaf2n.wav", np.zeros(8000), 16_000)
    assert speech_digest(folder, ROWS) != before


@pytest.mark.parametrize("name", ["full", "ground_truth", "nfe_4", "seed_1", "no_ctc", "../up", ""])
def test_names_of_our_own_systems_and_paths_are_refused(name):
    with pytest.raises(ConfigError, match="external"):
        config.read({"experiments": {"demo": {"external": {name: {"folder": "x"}}}}})
