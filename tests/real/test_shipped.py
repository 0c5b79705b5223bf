"""The model that ships with the project: what is in it, and that a newcomer can dub a real clip with it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import dubber
from dubber.media.audio import read_audio
from dubber.metrics.base import Sample
from dubber.metrics.pocketsphinx_recogniser import PocketsphinxRecogniser
from dubber.metrics.secs import Secs
from dubber.metrics.wer import Wer
from dubber.model.settings import describe_model

SHIPPED = Path(__file__).resolve().parents[2] / "models" / "grid_mini"
MOST_BYTES = 20 * 2**20
CLIPS = 6  # test clips, of as many speakers


def test_it_is_small_and_says_where_it_comes_from():
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < MOST_BYTES
    told = json.loads((SHIPPED / "dubber.json").read_text())
    card = (SHIPPED / "README.md").read_text()
    licences = {corpus["name"]: corpus["licence"] for corpus in told["origin"]["corpora"]}
    assert licences.keys() == {"grid_mini", "speech"}
    assert all(text in card for text in licences.values())
    for owed in ("CC BY 4.0", "GRID", "LibriSpeech", "LJSpeech", "public domain"):
        assert owed in card
    assert describe_model(SHIPPED / "model.safetensors").codec == "world_grid_mini"


@pytest.fixture(scope="module")
def rows(shared_data) -> list[dict[str, str]]:
    """A test clip of each of some speakers, never trained on."""
    with (shared_data / "grid-mini" / "clips.csv").open(newline="") as file:
        tests = [row for row in csv.DictReader(file) if row["split"] == "test"]
    firsts = {row["speaker"]: row for row in reversed(tests)}
    return [firsts[speaker] for speaker in sorted(firsts)][:CLIPS]


@pytest.mark.real
def test_it_says_the_words_in_the_voice_for_as_long_as_the_video_lasts(rows, shared_data):
    model = dubber.load(SHIPPED)
    metrics = [Wer(PocketsphinxRecogniser("grid")), Secs()]
    found: dict[str, list[float]] = {}
    for row in rows:
        video = shared_data / "grid-mini" / row["video"]
        dubbed = model.dub(video, row["text"], video)
        assert len(dubbed.samples) / dubbed.sample_rate == pytest.approx(3.0, abs=0.05)
        truth = read_audio(video).samples
        spoken = np.asarray(dubbed.samples, np.float32)
        for score in (s for m in metrics for s in m.score(Sample(row["clip"], row["text"], spoken, truth, truth))):
            found.setdefault(score.column, []).append(score.value)
    assert np.mean(found["WER"]) < 50, "a sentence guessed under the grammar has 81 %"
    assert np.mean(found["SECS"]) > 65, "two speakers of GRID have about 55"
