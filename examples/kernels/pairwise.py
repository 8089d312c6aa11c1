"""im2col with sums of its own: halves are added to halves, in the dtype of the arguments.

The error of such a sum grows with log2(n): N. J. Higham, The accuracy of floating point summation,
https://doi.org/10.1137/0914050.
"""

from __future__ import annotations

import numpy as np

from .im2col import Im2col


class Pairwise(Im2col):
    def product(self, a, b):
        result = np.zeros((len(a), b.shape[1]), a.dtype)
        for column in range(b.shape[1]):
            result[:, column] = _sum(a * b[:, column])
        return result


def _sum(terms):
    """The sum over the last axis."""
    while terms.shape[1] > 1:
        half = terms.shape[1] // 2
        odd = terms[:, 2 * half :]
        terms = np.concatenate([terms[:, :half] + terms[:, half : 2 * half], odd], axis=1)
    return terms.sum(axis=1)
