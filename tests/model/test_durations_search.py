"""Monotonic alignment search against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from dubber.model.durations import length_mask, search_durations, skipping_path


def best_by_force(score: np.ndarray, every_phoneme: bool) -> np.ndarray:
    """Durations [N] of the best non-decreasing sequence of phonemes, among all of them."""
    frames, phonemes = score.shape
    best, found = -np.inf, None
    for owners in itertools.combinations_with_replacement(range(phonemes), frames):
        if every_phoneme and len(set(owners)) < phonemes:
            continue
        total = score[np.arange(frames), owners].sum()
        if total > best:
            best, found = total, owners
    return np.bincount(found, minlength=phonemes)


@pytest.mark.parametrize("values", ["log", "linear"])
@pytest.mark.parametrize(("frames", "phonemes"), [(6, 3), (5, 5), (7, 1), (3, 6), (1, 4), (4, 5)])
def test_search_finds_the_best_path(frames, phonemes, values):
    for seed in range(8):
        attention = torch.rand(1, frames, phonemes, generator=torch.Generator().manual_seed(seed)).softmax(-1)
        score = attention[0].double().numpy()
        score = np.log(score) if values == "log" else score
        found = search_durations(
            attention, torch.ones(1, frames, dtype=torch.bool), torch.ones(1, phonemes, dtype=torch.bool), values
        )
        assert found[0].tolist() == best_by_force(score, every_phoneme=phonemes <= frames).tolist()


def test_padding_is_not_part_of_the_path():
    frames, phonemes = torch.tensor([6, 4, 2]), torch.tensor([3, 2, 4])
    attention = torch.rand(3, 6, 4, generator=torch.Generator().manual_seed(0))
    frame_mask, phoneme_mask = length_mask(frames), length_mask(phonemes)
    together = search_durations(attention, frame_mask, phoneme_mask)
    assert together.sum(1).tolist() == frames.tolist()
    assert (together[~phoneme_mask] == 0).all()
    for row, (f, n) in enumerate(zip(frames.tolist(), phonemes.tolist(), strict=True)):
        one = search_durations(
            attention[row : row + 1, :f, :n], frame_mask[row : row + 1, :f], phoneme_mask[row : row + 1, :n]
        )
        assert together[row, :n].tolist() == one[0].tolist()


def test_a_slow_speaker_skips_no_phoneme_even_an_unlikely_one():
    attention = torch.tensor([[[0.9, 0.0, 0.1]] * 3 + [[0.1, 0.0, 0.9]] * 3])
    durations = search_durations(attention, torch.ones(1, 6) > 0, torch.ones(1, 3) > 0)
    assert durations.min() == 1 and durations.sum() == 6


def test_a_fast_speaker_has_phonemes_without_frames():
    attention = torch.eye(5)[[1, 3]].unsqueeze(0)
    durations = search_durations(attention, torch.ones(1, 2) > 0, torch.ones(1, 5) > 0)
    assert durations[0].tolist() == [0, 1, 0, 1, 0]


def test_skipping_path_never_goes_back():
    score = np.eye(4)[::-1] * 5 + np.random.default_rng(0).random((4, 4))
    assert (np.diff(skipping_path(score)) >= 0).all()


def test_search_takes_no_part_in_the_gradient():
    attention = torch.rand(1, 4, 2, requires_grad=True)
    assert not search_durations(attention, torch.ones(1, 4) > 0, torch.ones(1, 2) > 0).requires_grad
