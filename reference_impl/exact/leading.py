"""Exact results from the leading slices alone, where these decide: 3 to 8 operations in place of 6 to 15.

Take `count` leading slices, and the last of them as the unit. Then each array is a whole, which these slices make up,
and a rest of at most 1/2:

    operation(left, right) = operation(left whole, right whole)
                           + operation(left whole, right rest) + operation(left rest, right)

With several products, each term is summed over them. The first term is exact, by slices. The other two are the tail.
They are plain float64 operations of `terms` products, each product at most 2**(count * b) / 4. In whatever order these
are added, the error of one such operation is to first order at most terms**2 * 2**(count * b - 55) (Higham, section
3.1). Adding the two has a smaller error. (terms + 2)**2 * 2**(count * b - 53) is more than twice all this, which leaves
room for higher orders and underflow.

So each element lies in an interval. If both ends of every interval round to the same number, these are the answer. If
not, there is no answer: sums that vanish, cancel or tie need all slices.

References
----------
Higham (2002), Accuracy and stability of numerical algorithms, https://doi.org/10.1137/1.9780898718027
"""

from __future__ import annotations

import math

import numpy as np

from . import rounding, slices
from .formats import FORMATS
from .slices import Sum, Words

# More would take about as many operations as all slices of normal float64 data.
MOST_SLICES = 3
# To float64, all slices of so few products are as fast: those of float32 data three times as fast.
FEW_PRODUCTS = 1 << 20


def attempt(total: Sum, terms: int, size: int, dtype: np.dtype) -> np.ndarray | None:
    """Return the exact result, of `size` elements, rounded to `dtype`; None if any is undecided, or likely to be."""
    if dtype not in (np.float32, np.float64):
        return None
    if dtype == np.float64 and size * terms <= FEW_PRODUCTS:  # most often in vain, or no faster
        return None
    bits = slices.bits_for(terms)
    typical = math.sqrt(terms) * _spread(total) * 2.0 ** (3 * bits)
    for count in range(1, MOST_SLICES + 1):
        error = _error(terms, bits, count)
        # A result of half the size is half as likely, but its unit is half as large.
        undecided = 16 * size * (error + 2.0 ** (4 - bits)) * 2.0 ** FORMATS[dtype.name].precision
        if undecided < typical / 4:
            result, decided, _ = interval(total, terms, dtype, count)
            return result if decided.all() else None
    return None


def interval(total: Sum, terms: int, dtype: np.dtype, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the result from `count` slices, rounded to `dtype`, a mask of the elements that are exact, and an error.

    The others differ from the exact result by that error at most, and a unit of the last place.
    """
    bits = slices.bits_for(terms)
    error = _error(terms, bits, count)
    words = _words(total, bits, count)
    lowest = total.left_top + total.right_top - bits * (len(words) + 1)
    result, decided = rounding.round_interval(words, bits, lowest, dtype, error)
    reach = error + 2.0 ** (4 - bits)
    return result, decided, float(np.ldexp(2 * reach, lowest + bits * (len(words) - 2)))


def _error(terms: int, bits: int, count: int) -> float:
    """Bound the error of the tail, in units of the second word."""
    return (terms + 2) ** 2 * 2.0 ** (bits * (3 - count) - 53)


def _spread(total: Sum) -> float:
    """Estimate the size of a product of two elements, in units of 2**(left_top + right_top)."""
    squares, sizes = np.zeros(2), np.zeros(2)
    for _, *pair in total.products:
        scaled = map(slices.scaled, pair, (-total.left_top, -total.right_top))
        squares += [np.vdot(array, array) for array in scaled]
        sizes += [array.size for array in pair]
    return math.sqrt(np.prod(squares / np.maximum(sizes, 1)))


def _words(total: Sum, bits: int, count: int) -> Words:
    """Return the words of the operation, with the tail added to the word of its own size."""
    words: Words = []
    for operation, left, right in total.products:
        first = slices.lead(left, total.left_top, bits, count)
        second = slices.lead(right, total.right_top, bits, count)
        tail = operation(first.whole, second.rest)
        every = np.add(second.whole, second.rest, out=second.rest)  # in its place, to spare memory
        tail += operation(first.rest, every)
        words = slices.add(words, [*slices.multiply(operation, first.slices, second.slices), tail])
    # Only now, as the integers are added exactly and the tail is not.
    tail = words.pop() * 2.0 ** (bits * (2 - count))
    if count == 1:
        return [*words, tail]
    words[count] = words[count] + tail
    return words
