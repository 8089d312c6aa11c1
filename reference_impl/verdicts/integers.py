"""Integers on which every correct kernel gives the same bits, from a seed."""

from __future__ import annotations

import math
import zlib

import numpy as np

from ..cases.case import Case
from .call import Call, array_shapes, gauge, numpy_dtype

# The dtype holds every integer up to this magnitude, and so every sum that stays below it.
EXACT_INTEGERS = {
    "float16": 2**11,
    "bfloat16": 2**8,
    "float32": 2**24,
    "float64": 2**53,
    "int8": 2**7 - 1,
    "uint8": 2**8 - 1,
    "int16": 2**15 - 1,
    "int32": 2**31 - 1,
    "int64": 2**63 - 1,
}


# The elements of the larger argument that have more bits than the others, where sums have many terms.
LONG_ELEMENTS = 4


def integer_call(case: Case, operation: str, seed: int, most: int | None = None) -> Call:
    """Draw integers in the case's dtype such that it holds every partial sum exactly, in any order of adding.

    The integers are as large as that allows, but none is larger than `most`, if that is given. One argument (the seed
    chooses which) has three times the bits of the other. So it shows if a kernel rounds an argument, or adds in a
    narrower type. With many terms there is little room for each: then a few elements of that argument are longer than
    the others. If even ones add up to too much, most elements are zero.

    Every sum stays within the dtype's limit. An element enters a sum once at most, so the products of the long elements
    take a quarter of the limit at most. The products of the others take the rest.
    """
    random = np.random.default_rng([seed, zlib.crc32(f"{case} {operation}".encode())])
    limit = EXACT_INTEGERS[case.dtype]
    shapes = array_shapes(case, operation)
    terms = max(case.convolution.terms(operation), 1)
    small, large, longest = _magnitudes(limit, terms)
    if most is not None:
        small, large, longest = min(small, most), min(large, most), 0
    magnitudes = random.permutation([small, large]).tolist()
    density = 1.0
    while True:
        arrays = {
            name: _integers(random, shape, magnitude, density, case.dtype)
            for (name, shape), magnitude in zip(shapes.items(), magnitudes, strict=True)
        }
        call = Call(operation, case, arrays)
        if limit >= terms or _largest_sum(call) <= limit:
            break
        density *= 0.8
    if longest:
        _lengthen(random, list(arrays.values())[magnitudes.index(large)], longest)
    return call.with_arrays(lambda array: array.astype(numpy_dtype(case.dtype)))


def _magnitudes(limit: int, terms: int) -> tuple[int, int, int]:
    """Return the largest magnitudes of one argument, of the other, and of the other's long elements (0: none)."""
    small, large = _split(limit // terms)
    fewer, less = _split((limit - limit // 4) // terms)
    # The oracle multiplies the largest magnitudes with the terms, and refuses what could then pass int64.
    longest = min(limit // 4 // (fewer * LONG_ELEMENTS), (2**63 - 1) // (fewer * terms))
    return (fewer, less, longest) if longest >= 4 * less > 0 else (small, max(large, 1), 0)


def _split(room: int) -> tuple[int, int]:
    """Return two magnitudes whose product is at most `room`: its fourth root, but at least 1, and the rest."""
    small = max(math.isqrt(math.isqrt(room)), 1)
    return small, room // small


def _lengthen(random: np.random.Generator, values: np.ndarray, longest: int) -> None:
    """Replace a few elements by odd numbers of the upper half, with the same signs: to round one is to change it."""
    where = random.choice(values.size, min(LONG_ELEMENTS, values.size), replace=False)
    lengths = (random.integers(longest // 2, longest, len(where)) - 1) | 1
    values.flat[where] = lengths * np.sign(values.flat[where])


def _integers(
    random: np.random.Generator, shape: tuple[int, ...], magnitude: int, density: float, dtype: str
) -> np.ndarray:
    """Draw integers without zeros, so that a product that is dropped shows; `density` below 1 then puts some in."""
    values = random.integers(1, magnitude, shape, np.int64, endpoint=True)
    if not dtype.startswith("u"):
        values *= _signs(random, shape)
    return values if density == 1.0 else values * (random.random(shape) < density)


def _signs(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw -1 or 1 for each element, as `random.choice` does, which takes longer."""
    signs = random.integers(0, 2, shape, np.int64)
    signs *= 2
    signs -= 1
    return signs


def _largest_sum(call: Call) -> float:
    sums = gauge(call)
    return float(sums.max()) if sums.size else 0.0
