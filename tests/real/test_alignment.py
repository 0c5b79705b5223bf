"""The embedded aligner on real speech, against GRID's own word times and MFA's TextGrids."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import alignment as benchmark

from dubber.align.durations import boundaries, run_lengths
from dubber.align.pocketsphinx import PocketsphinxAligner
from dubber.align.settings import PocketsphinxSettings
from dubber.text.phonemes import phonemise

pytestmark = pytest.mark.real
N_GRID = 80


@pytest.fixture(scope="module")
def aligner() -> PocketsphinxAligner:
    return PocketsphinxAligner(PocketsphinxSettings())


def test_grid_words_are_where_the_corpus_says(shared_data, aligner):
    folder = shared_data / "grid-mini"
    clips = benchmark.clips_of(folder)
    chosen = np.random.default_rng(0).permutation(len(clips))[:N_GRID]
    found = benchmark.compare_grid(folder, [clips[i] for i in chosen], aligner)
    assert found.failed == []
    assert len(found.errors) == N_GRID * 6 * 2
    assert found.median <= 0.0201
    assert found.share_within(0.05) >= 0.88


def test_phones_are_where_mfa_finds_them(shared_data, aligner):
    words, phones = benchmark.compare_mfa(shared_data / "speech", aligner)
    assert words.failed == []
    assert phones.median <= 0.0201
    assert phones.share_within(0.05) >= 0.95
    assert words.share_within(0.05) >= 0.9


def test_mfa_phones_fit_the_phonemes_of_the_text(shared_data):
    folder = shared_data / "speech"
    shares = []
    for row in benchmark.clips_of(folder):
        if row["corpus"] != "ljspeech":
            continue
        truth = benchmark.read_recorded(folder / "ljspeech" / "textgrid" / f"{row['clip']}.TextGrid")
        phonemes = phonemise(row["text"]).phonemes
        seconds = truth.phones[-1].end
        edges = boundaries(phonemes, truth, seconds)
        durations = run_lengths(edges, 80, round(seconds * 80))
        assert durations.sum() == round(seconds * 80) and durations.min() >= 0
        spoken = [d for d, symbol in zip(durations, phonemes, strict=True) if symbol not in ("sil", "sp")]
        shares.append(np.mean(np.array(spoken) > 0))
    assert len(shares) == 64
    assert min(shares) > 0.8 and np.mean(shares) > 0.97
