"""Batches of like length in an order that a seed and a step decide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubber.train.sampler import LengthBuckets, Position, padding_share

LENGTHS = np.random.default_rng(0).lognormal(5.5, 0.6, 5000).astype(np.int64)


def epoch(sampler: LengthBuckets, number: int) -> list[np.ndarray]:
    size = sampler.batches_per_epoch
    return [sampler.batch(number * size + i) for i in range(size)]


@given(n=st.integers(1, 300), batch_size=st.integers(1, 40), seed=st.integers(0, 5), number=st.integers(0, 3))
def test_every_clip_comes_once_an_epoch_in_batches_of_even_size(n, batch_size, seed, number):
    batches = epoch(LengthBuckets(np.arange(1, n + 1), batch_size, seed), number)
    assert sorted(np.concatenate(batches)) == list(range(n))
    sizes = {len(batch) for batch in batches}
    assert max(sizes) <= batch_size and max(sizes) - min(sizes) <= 1


def test_the_order_is_a_function_of_seed_and_step():
    one, same, other = (LengthBuckets(LENGTHS, 16, seed) for seed in (0, 0, 1))
    late = same.batch(700)
    assert np.array_equal(one.batch(3), same.batch(3)) and np.array_equal(one.batch(700), late)
    assert not np.array_equal(one.batch(3), other.batch(3))
    assert not np.array_equal(one.batch(3), one.batch(3 + one.batches_per_epoch))


def test_less_than_a_tenth_is_padding_where_lengths_vary_as_in_libritts():
    sampler = LengthBuckets(LENGTHS, 16, 0)
    assert padding_share(epoch(sampler, 0), LENGTHS) < 0.1
    unsorted = np.array_split(np.random.default_rng(1).permutation(len(LENGTHS)), sampler.batches_per_epoch)
    assert padding_share(unsorted, LENGTHS) > 0.4


def test_short_and_long_batches_are_mixed():
    means = [LENGTHS[batch].mean() for batch in epoch(LengthBuckets(LENGTHS, 16, 0), 0)]
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2


def test_padding_share_of_a_known_batch():
    assert padding_share([np.array([0, 1])], np.array([1, 3])) == pytest.approx(2 / 6)


def test_the_position_counts_epochs():
    assert LengthBuckets(np.ones(10), 4, 0).position(7) == Position(epoch=2, batch=1)
