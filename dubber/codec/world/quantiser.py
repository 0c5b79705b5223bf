"""Residual vector quantisation: every stage codes what the stages before it left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ResidualQuantiser:
    """K codebooks in a weighted space.

    Attributes:
        codebooks: float32 [K, V, d], codes of weighted vectors.
        weights: float32 [d], what one unit of each coordinate counts.
    """

    codebooks: np.ndarray
    weights: np.ndarray

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [T, d] -> ids int64 [K, T]."""
        rest = (vectors * self.weights).astype(np.float32)
        ids = np.empty((len(self.codebooks), len(vectors)), np.int64)
        for stage, book in enumerate(self.codebooks):
            ids[stage] = nearest(rest, book)
            rest = rest - book[ids[stage]]
        return ids

    def decode(self, ids: np.ndarray) -> np.ndarray:
        """ids [K, T] -> float32 vectors [T, d]."""
        chosen = [book[stage] for book, stage in zip(self.codebooks, ids, strict=True)]
        return np.sum(chosen, axis=0) / self.weights


def nearest(vectors: np.ndarray, book: np.ndarray, block: int = 8192) -> np.ndarray:
    """The index [n] of the closest row of book [V, d] for each of vectors [n, d]; of equal rows the first."""
    blocks = range(0, len(vectors), block)
    return np.concatenate([np.argmin(squared_distances(vectors[i : i + block], book), axis=1) for i in blocks])


def squared_distances(vectors: np.ndarray, book: np.ndarray) -> np.ndarray:
    """vectors [n, d] and book [V, d] -> [n, V]."""
    lengths = np.sum(vectors**2, axis=1, keepdims=True)
    return lengths - 2 * vectors @ book.T + np.sum(book**2, axis=1)
