"""Exact results, rounded, from the leading slices alone where these decide: 3 to 8 operations in place of 6 to 15.

In units of the last of `count` leading slices, the arrays are wholes, which these slices make up, and rests of at
most 1/2, and, summed over the blocks if there are several,

    operation(left, right) = operation(left whole, right whole)
                           + operation(left whole, right rest) + operation(left rest, right)

The first is exact, by slices. The tail, the other two, are plain float64 operations of `terms` products, each at most
2**(count * b) / 4. In whatever order these are added, the error of an operation is to first order at most terms**2 *
2**(count * b - 55) (Higham, section 3.1), and that of adding the two less. (terms + 2)**2 * 2**(count * b - 53) is more
than twice all this, which leaves room for higher orders and underflow.

So each element lies in an interval. Where both ends of all round to the same, that is the answer. Otherwise there is
none: sums that vanish, cancel or tie need all slices.

References
----------
Higham (2002), Accuracy and stability of numerical algorithms, https://doi.org/10.1137/1.9780898718027
"""

from __future__ import annotations

import math

import numpy as np

from . import rounding, slices
from .formats import FORMATS
from .slices import Bilinear, Factors, Words

# With more, it takes about as many operations as with all slices of normal float64 data.
MOST_SLICES = 3


def attempt(operation: Bilinear, factors: Factors, terms: int, size: int, dtype: np.dtype) -> np.ndarray | None:
    """The operation, of `size` elements, rounded to `dtype`; None if any is undecided, or likely to be."""
    if dtype not in (np.float32, np.float64):
        return None
    bits = slices.bits_for(terms)
    typical = math.sqrt(terms) * _spread(factors) * 2.0 ** (3 * bits)
    for count in range(1, MOST_SLICES + 1):
        error = (terms + 2) ** 2 * 2.0 ** (bits * (3 - count) - 53)
        # Each halving of the size leaves half as many results, of half the unit.
        undecided = 16 * size * (error + 2.0 ** (4 - bits)) * 2.0 ** FORMATS[dtype.name].precision
        if undecided < typical / 4:
            words = _words(operation, factors, bits, count)
            lowest = factors.left_top + factors.right_top - bits * (len(words) + 1)
            result, decided = rounding.round_interval(words, bits, lowest, dtype, error)
            return result if decided.all() else None
    return None


def _spread(factors: Factors) -> float:
    """The size of a product of random elements, in units of 2**(left_top + right_top)."""
    squares = np.zeros(2)
    for pair in factors:
        scaled = map(slices.scaled, pair, (-factors.left_top, -factors.right_top))
        squares += [np.vdot(array, array) for array in scaled]
    return math.sqrt(squares[0] / max(factors.left.size, 1) * squares[1] / max(factors.right.size, 1))


def _words(operation: Bilinear, factors: Factors, bits: int, count: int) -> Words:
    """Words of the operation, the tail added to the one that it is as large as."""
    words: Words = []
    for left, right in factors:
        first = slices.lead(left, factors.left_top, bits, count)
        second = slices.lead(right, factors.right_top, bits, count)
        tail = operation(first.whole, second.rest)
        tail += operation(first.rest, second.whole + second.rest)
        words = slices.add(words, [*slices.multiply(operation, first.slices, second.slices), tail])
    # Only now: integers, but not the tail, have been added exactly.
    tail = words.pop() * 2.0 ** (bits * (2 - count))
    if count == 1:
        return [*words, tail]
    words[count] = words[count] + tail
    return words
