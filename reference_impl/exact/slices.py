"""Exact bilinear operations on real arrays, by float64 operations on slices of small integers.

Each array is cut into slices of b bits, without loss:

    left = sum_i left_i * 2**(u - i*b)      right = sum_j right_j * 2**(v - j*b)      |slices| <= 2**(b-1)
    operation(left, right) = sum_s 2**(u + v - s*b) * word_s      word_s = sum_{i+j=s} operation(left_i, right_j)

An operation on two slices, or on two sums of two slices, adds `terms` products of at most 4**b. b is chosen so that
terms * 4**b <= 2**53. Then every partial sum is an integer that float64 holds, in whatever order it is added, so the
operation is exact. Two pairs of slices cost one operation (Karatsuba):

    left_i * right_j + left_j * right_i = (left_i + left_j) * (right_i + right_j) - left_i * right_i - left_j * right_j

An operation on two slices gives at most 2**51. So float64 holds each word too, if it sums at most PAIRS = 4 of them. If
it sums more, b is chosen for as many more terms.

References
----------
Ozaki, Ogita, Oishi, Rump (2012), Error-free transformations of matrix multiplication,
https://doi.org/10.1007/s11075-011-9478-1
Karatsuba, Ofman (1963), Multiplication of multidigit numbers on automata
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

# The widest slices for which float32 holds the sum of two: integers up to 2**24.
SLICE_BITS = 24
# The most slices of one array. With more, small cases take longer than with Python integers.
MAX_SLICES = 24
# The most operations on slices that a word sums, each of them at most 2**51.
PAIRS = 4

Bilinear = Callable[[np.ndarray, np.ndarray], np.ndarray]
Slices = list[Any]  # arrays, the highest first; None for zeros
Words = list[np.ndarray]


class Product(NamedTuple):
    """A bilinear operation, and the two arrays that it multiplies."""

    operation: Bilinear
    left: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class Sum:
    """Products whose results are added.

    left_top and right_top are exponents for which array * 2**-top is at most 1/2 in magnitude, for all arrays.
    """

    products: Sequence[Product]

    @cached_property
    def left_top(self) -> int:
        return max(top_of(product.left) for product in self.products)

    @cached_property
    def right_top(self) -> int:
        return max(top_of(product.right) for product in self.products)


class Lead(NamedTuple):
    """An array in units of its last slice: the integers that its first slices make up, and a rest of at most 1/2."""

    slices: Slices
    whole: np.ndarray
    rest: np.ndarray


def bits_for(terms: int) -> int:
    """Return the largest b, up to SLICE_BITS, with terms * 4**b <= 2**53."""
    return min(SLICE_BITS, (53 - (max(terms, 1) - 1).bit_length()) // 2)


def words_of(total: Sum, terms: int, most: int, pairs: int = PAIRS) -> tuple[Words, int]:
    """Return the words of the sum, highest first, and their bits. No words if an array needs over `most` slices."""
    bits = bits_for(-(-terms * pairs // PAIRS))
    words: Words = []
    for operation, left, right in total.products:
        lefts, rights = cut(left, total.left_top, bits, most), cut(right, total.right_top, bits, most)
        if max(len(lefts), len(rights)) > most:
            return [], bits
        if min(len(lefts), len(rights)) > pairs:
            return words_of(total, terms, most, min(len(lefts), len(rights)))
        words = add(words, multiply(operation, lefts, rights))
    return words, bits


def cut(array: np.ndarray, top: int, bits: int, most: int) -> Slices:
    """Cut `array` into integers: array = sum_i slices[i] * 2**(top - (i + 1) * bits), |slices| <= 2**(bits - 1).

    The slices are float32 arrays. None stands for a slice of zeros, except for the first. If `most` slices do not
    suffice, the list is longer than that.
    """
    rest = scaled(array, -top)  # at most 1/2
    if not np.array_equal(scaled(rest, top), array):  # fell below the least float64: some thousand bits
        return [None] * (most + 1)
    found: Slices = []
    whole = np.empty_like(rest)
    while len(found) <= most and (not found or rest.any()):
        rest *= 2.0**bits
        np.rint(rest, out=whole)
        rest -= whole  # exact, and again at most 1/2
        found.append(whole.astype(np.float32) if not found or whole.any() else None)
    return found


def lead(array: np.ndarray, top: int, bits: int, count: int) -> Lead:
    """Return the first `count` slices, and the rest."""
    rest = scaled(array, count * bits - top)
    whole = np.rint(rest)
    rest -= whole
    found, left = [], whole
    for i in range(count - 1, 0, -1):
        part = np.rint(left * 2.0 ** (-i * bits))
        left = left - part * 2.0 ** (i * bits)
        found.append(part.astype(np.float32))
    return Lead([*found, left.astype(np.float32)], whole, rest)


def scaled(array: np.ndarray, exponent: int) -> np.ndarray:
    """Return array * 2**exponent as float64. `np.ldexp` does the same, but is slow."""
    if abs(exponent) <= 1000:
        return np.multiply(array, 2.0**exponent, dtype=np.float64)
    return np.ldexp(array.astype(np.float64, copy=False), exponent)


def multiply(operation: Bilinear, left: Slices, right: Slices) -> Words:
    """Return the words of operation(left, right), highest first: float64 arrays of integers up to 2**53."""
    products: list[Any] = [None] * (len(left) + len(right) - 1)
    squares = {}
    for i in range(min(len(left), len(right))):
        if left[i] is not None and right[i] is not None:
            squares[i] = products[2 * i] = operation(left[i], right[i])
    for i, first in enumerate(left):
        for j, second in enumerate(right):
            mirrored = i in squares and j in squares
            if i == j or first is None or second is None or (mirrored and i > j):
                continue
            if mirrored:  # left[i] * right[j] + left[j] * right[i]
                product = operation(first + left[j], right[i] + second)
                product -= squares[i]
                product -= squares[j]
            else:
                product = operation(first, second)
            if products[i + j] is not None:
                product += products[i + j]
            products[i + j] = product
    some = next(product for product in products if product is not None)
    return [np.zeros_like(some) if product is None else product for product in products]


def add(words: Words, others: Words) -> Words:
    """Return the sums of words, in the place of `words` where there are any."""
    for word, other in zip(words, others):
        word += other
    return words + others[len(words) :]


def top_of(array: np.ndarray) -> int:
    largest = max(float(array.max()), -float(array.min())) if array.size else 0.0
    return math.frexp(largest)[1] + 1
