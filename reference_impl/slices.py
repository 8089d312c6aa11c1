"""Bilinear operations on real arrays, exactly, by way of float64 operations on slices of small integers.

With every array cut into slices,

    left = sum_i left_i * 2**(u - i*b)      right = sum_j right_j * 2**(v - j*b)      |slices| <= 2**(b-1)
    operation(left, right) = sum_s 2**(u + v - s*b) * sum_{i+j=s} operation(left_i, right_j)

the ordinary operation of two slices, or of sums of two, sums `terms` products of at most 4**b. As terms * 4**b <=
2**53, every partial sum is an integer that float64 holds, in whatever order it is added, so the operation is exact.
Two pairs cost one operation (Karatsuba):

    left_i * right_j + left_j * right_i = (left_i + left_j) * (right_i + right_j) - left_i * right_i - left_j * right_j

Results of equal weight are added in int64, the lowest weight first; what exceeds b bits is carried to the next weight.
That leaves the sum in base 2**b, exactly.

References
----------
Ozaki, Ogita, Oishi, Rump (2012), Error-free transformations of matrix multiplication,
https://doi.org/10.1007/s11075-011-9478-1
Karatsuba, Ofman (1963), Multiplication of multidigit numbers on automata
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

# The widest slices that float32 holds, together with the sum of two: integers up to 2**24.
SLICE_BITS = 24
# Of one array. Above, a pair of slices for each two weights takes longer than Python integers do on small cases.
MAX_SLICES = 24
# Elements that are added at a time: their scratch stays in cache.
_CHUNK = 1 << 13

Bilinear = Callable[[np.ndarray, np.ndarray], np.ndarray]
Slices = list[Any]  # arrays, the highest first; None for zeros


def bits_for(terms: int) -> int:
    """The largest b, up to SLICE_BITS, with terms * 4**b <= 2**53."""
    return min(SLICE_BITS, (53 - (max(terms, 1) - 1).bit_length()) // 2)


def cut(array: np.ndarray, bits: int) -> tuple[Slices, int]:
    """Integers with array = sum_i slices[i] * 2**(top - (i + 1) * bits), magnitudes at most 2**(bits - 1), and top.

    float32 holds them. None stands for zeros, except in the first. More than MAX_SLICES if they do not suffice.
    """
    largest = max(float(array.max()), -float(array.min())) if array.size else 0.0
    top = math.frexp(largest)[1] + 1
    rest = np.ldexp(array, -top)  # at most 1/2
    if not np.array_equal(np.ldexp(rest, top), array):  # fell below the least float64: some thousand bits
        return [None] * (MAX_SLICES + 1), top
    found: Slices = []
    whole = np.empty_like(rest)
    while len(found) <= MAX_SLICES and (not found or rest.any()):
        rest *= 2.0**bits
        np.rint(rest, out=whole)
        rest -= whole  # exact, and again at most 1/2
        found.append(whole.astype(np.float32) if not found or whole.any() else None)
    return found, top


def multiply(operation: Bilinear, left: Slices, right: Slices, bits: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """operation(left, right) in units of its lowest weight: the highest digit, signed, and the rest, highest first.

    The digits are in base 2**bits; the rest are not negative. Each product is at most 2**53, and fewer than 2**9 of
    them have equal weight: int64 holds their sum.
    """
    squares: dict[int, np.ndarray] = {0: operation(left[0], right[0]).astype(np.int64)}
    total = np.zeros_like(squares[0])
    digits: list[np.ndarray] = []
    for weight in range(len(left) + len(right) - 2, -1, -1):
        for i in range(max(0, weight - len(right) + 1), min(len(left), weight + 1)):
            j = weight - i
            if left[i] is None or right[j] is None:
                continue
            mirrored = max(i, j) < min(len(left), len(right)) and left[j] is not None and right[i] is not None
            if i == j or (mirrored and i < j):
                for k in {i, j} - set(squares):
                    squares[k] = operation(left[k], right[k]).astype(np.int64)
            if i == j:
                total += squares[i]
            elif not mirrored:
                _add(total, operation(left[i], right[j]))
            elif i < j:  # left[i] * right[j] + left[j] * right[i]
                _add(total, operation(left[i] + left[j], right[i] + right[j]))
                total -= squares[i]
                total -= squares[j]
        if weight:
            digits.insert(0, (total & ((1 << bits) - 1)).astype(np.uint32))
            total >>= bits
    return total, digits


def _add(total: np.ndarray, product: np.ndarray) -> None:
    """Add integers that are held as float64; a cacheful at a time, since NumPy would add as float64."""
    total, product = total.reshape(-1), product.reshape(-1)
    for start in range(0, total.size, _CHUNK):
        total[start : start + _CHUNK] += product[start : start + _CHUNK].astype(np.int64)
