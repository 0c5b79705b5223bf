"""The likeliest path of codes: Viterbi, held to trying every path."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dubber.codec import world_path
from dubber.codec.world_path import likeliest_path, movement


def random_case(length: int, codes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [T, V] and a codebook [V, 2]."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(codes), size=length), rng.normal(size=(codes, 2))


@pytest.mark.parametrize("seed", range(5))
def test_no_path_is_better(seed):
    probabilities, book = random_case(5, 4, seed)

    def score(path) -> float:
        steps = np.sum(np.diff(book[list(path)], axis=0) ** 2) / 0.7
        return float(np.log(probabilities[np.arange(5), path]).sum() - steps)

    best = max(itertools.product(range(4), repeat=5), key=score)
    assert_array_equal(likeliest_path(probabilities, book, 0.7), best)


def test_without_movement_each_position_speaks_for_itself():
    probabilities, book = random_case(20, 9, 0)
    assert_array_equal(likeliest_path(probabilities, book, 0.0), probabilities.argmax(1))


def test_one_position_does_not_jump_to_and_fro_for_a_slightly_likelier_code():
    probabilities = np.tile([0.5, 0.4, 0.1], (7, 1))
    probabilities[3] = [0.4, 0.1, 0.5]
    book = np.array([[0.0], [0.1], [9.0]])
    assert_array_equal(likeliest_path(probabilities, book, 1.0), np.zeros(7))
    probabilities[3] = [0, 0, 1]
    assert likeliest_path(probabilities, book, 20.0)[3] == 2, "where it is sure, it jumps"


def test_only_the_likely_codes_are_tried(monkeypatch):
    probabilities, book = random_case(30, 50, 1)
    whole = likeliest_path(probabilities, book, 1.0)
    monkeypatch.setattr(world_path, "CANDIDATES", 5)
    few = likeliest_path(probabilities, book, 1.0)
    assert (np.argsort(np.argsort(-probabilities, axis=1), axis=1)[np.arange(30), few] < 5).all()
    assert few.shape == whole.shape and few.dtype == np.int64


def test_movement_is_the_mean_squared_change():
    assert movement(np.array([[0.0, 0], [3, 4], [3, 4]])) == pytest.approx(12.5)
    assert movement(np.zeros((1, 3))) == 0.0
