"""Run lengths, masks and the length regulator."""

from __future__ import annotations

import torch

from dubber.model.durations import alignment_matrix, length_mask, regulate_length

DURATIONS = torch.tensor([[2, 0, 3, 1], [1, 1, 0, 0]])


def test_masks_are_true_before_the_length():
    assert length_mask(torch.tensor([2, 0, 3])).tolist() == [[1, 1, 0], [0, 0, 0], [1, 1, 1]]


def test_alignment_matrix_gives_each_position_to_the_phoneme_that_owns_it():
    matrix = alignment_matrix(DURATIONS)
    assert matrix.shape == (2, 6, 4)
    assert matrix[0].int().argmax(-1).tolist() == [0, 0, 2, 2, 2, 3]
    assert matrix.sum(1).tolist() == DURATIONS.tolist()
    assert matrix.sum(2).tolist() == [[1] * 6, [1, 1, 0, 0, 0, 0]]


def test_regulated_phonemes_are_the_matrix_times_the_phonemes():
    phonemes = torch.randn(2, 4, 3)
    torch.testing.assert_close(
        regulate_length(phonemes, DURATIONS, size=8), alignment_matrix(DURATIONS, size=8).float() @ phonemes
    )


def test_the_gradient_of_a_repeated_phoneme_counts_its_positions():
    phonemes = torch.zeros(2, 4, 1, requires_grad=True)
    regulate_length(phonemes, DURATIONS).sum().backward()
    assert phonemes.grad.squeeze(-1).tolist() == DURATIONS.tolist()
