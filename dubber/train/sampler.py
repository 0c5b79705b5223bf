"""Which clips make which batch: a pure function of the seed and the step, so that its position is a number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

POOL = 32  # batches among which clips are sorted by length: more pad less and shuffle less


@dataclass(frozen=True)
class Position:
    """A place in the order: the epoch, and the batch within it."""

    epoch: int
    batch: int


@dataclass(frozen=True, eq=False)
class LengthBuckets:
    """Batches of clips of similar length, in an order that is new in each epoch; every clip once an epoch.

    An epoch is cut into batches whose sizes differ by at most one, so no step sees a small rest.

    Attributes:
        lengths: int64 [clips].
        batch_size: largest number of clips in a batch, over all processes.
        seed: of the order.
    """

    lengths: np.ndarray
    batch_size: int
    seed: int

    @cached_property
    def batches_per_epoch(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def position(self, step: int) -> Position:
        """The epoch and the batch of `step` (from 0)."""
        return Position(*divmod(step, self.batches_per_epoch))

    @property
    def smallest(self) -> int:
        """Clips in the smallest batch."""
        return len(self.lengths) // self.batches_per_epoch

    def batch(self, step: int) -> np.ndarray:
        """Numbers of the clips at `step`, int64 [clips in the batch]."""
        position = self.position(step)
        return self._epoch(position.epoch)[position.batch]

    @lru_cache(maxsize=2)  # noqa: B019  (one sampler lives as long as its run)
    def _epoch(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        shuffled = rng.permutation(len(self.lengths))
        pool = POOL * self.batch_size
        pools = [shuffled[start : start + pool] for start in range(0, len(shuffled), pool)]
        by_length = [pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools]
        # Up, down, up: a batch that spans two pools is still of one length.
        order = np.concatenate([pool[::-1] if i % 2 else pool for i, pool in enumerate(by_length)])
        batches = np.array_split(order, self.batches_per_epoch)
        return [batches[i] for i in rng.permutation(len(batches))]


def padding_share(batches: list[np.ndarray], lengths: np.ndarray) -> float:
    """Share of positions that are padding, 0..1; a batch is int64 [B], the lengths int64 [clips]."""
    real = sum(int(lengths[batch].sum()) for batch in batches)
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in batches)
    return 1 - real / padded
