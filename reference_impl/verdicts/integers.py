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


def integer_call(case: Case, operation: str, seed: int) -> Call:
    """Draw integers in the case's dtype such that it holds every partial sum exactly, in any order of adding.

    The integers are as large as that allows. One argument (the seed chooses which) has three times the bits of the
    other, so that it shows if a kernel rounds an argument, or adds in a narrower type. If even ones add up to too much,
    most elements are zero.
    """
    random = np.random.default_rng([seed, zlib.crc32(f"{case} {operation}".encode())])
    limit = EXACT_INTEGERS[case.dtype]
    shapes = array_shapes(case, operation)
    room = limit // max(case.convolution.terms(operation), 1)
    small = max(math.isqrt(math.isqrt(room)), 1)
    magnitudes = random.permutation([small, max(room // small, 1)])
    density = 1.0
    while True:
        arrays = {
            name: _integers(random, shape, magnitude, density, case.dtype)
            for (name, shape), magnitude in zip(shapes.items(), magnitudes.tolist(), strict=True)
        }
        call = Call(operation, case, arrays)
        if room >= 1 or _largest_sum(call) <= limit:
            return call.with_arrays(lambda array: array.astype(numpy_dtype(case.dtype)))
        density *= 0.8


def _integers(
    random: np.random.Generator, shape: tuple[int, ...], magnitude: int, density: float, dtype: str
) -> np.ndarray:
    """Draw integers without zeros, so that a product that is dropped shows; `density` below 1 then puts some in."""
    values = random.integers(1, magnitude, shape, np.int64, endpoint=True)
    if not dtype.startswith("u"):
        values *= random.choice(np.array([-1, 1]), shape)
    return values if density == 1.0 else values * (random.random(shape) < density)


def _largest_sum(call: Call) -> float:
    sums = gauge(call)
    return float(sums.max()) if sums.size else 0.0
