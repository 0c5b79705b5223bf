"""Which clips stand in which batch: a pure function of the seed and the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

POOL = 32  # batches' worth of shuffled clips that are sorted by length together


@dataclass(frozen=True)
class LengthBuckets:
    """Batches of clips of similar length; every clip stands in exactly one batch of an epoch.

    Attributes:
        lengths: T of every clip.
        batch_size: clips in a batch; the last of a pool may be smaller.
        seed: seed of the order.
    """

    lengths: Sequence[int]
    batch_size: int
    seed: int

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, number: int) -> list[list[int]]:
        """The batches of an epoch, as indices into `lengths`."""
        random = np.random.default_rng([self.seed, number])
        order = random.permutation(len(self.lengths))
        pool = self.batch_size * POOL
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool].tolist(), key=lambda i: self.lengths[i])
            batches += [near[i : i + self.batch_size] for i in range(0, len(near), self.batch_size)]
        return [batches[i] for i in random.permutation(len(batches))]

    def padding(self, number: int = 0) -> float:
        """The share of an epoch's positions that is padding."""
        total = sum(len(batch) * max(self.lengths[i] for i in batch) for batch in self.epoch(number))
        return 1 - sum(self.lengths) / total
