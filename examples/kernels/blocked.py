"""A tiled matrix product for each tap: whole blocks first, and what remains at each edge in smaller ones."""

from __future__ import annotations

import itertools

import numpy as np

from .kernel import matrix
from .per_tap import PerTap


class Blocked(PerTap):
    rows, terms, columns = 8, 16, 8

    def product(self, a, b):
        flat = matrix(a, a.ndim - 1)
        result = np.zeros((len(flat), b.shape[1]), a.dtype)
        for i, n, j in itertools.product(
            _blocks(len(flat), self.rows), _blocks(len(b), self.terms), _blocks(b.shape[1], self.columns)
        ):
            result[i, j] += flat[i, n] @ b[n, j]
        return result.reshape(*a.shape[:-1], b.shape[1])


def _blocks(size, block):
    """The last one is what remains."""
    return [slice(start, min(start + block, size)) for start in range(0, size, block)]
