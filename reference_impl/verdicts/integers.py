"""Integers on which every correct kernel gives the same bits, from a seed."""

from __future__ import annotations

import math
import zlib

import numpy as np

from ..cases.case import Case
from .call import Call, array_shapes, gauge, numpy_dtype

# Integers up to this magnitude are exact in the dtype, and so is every sum that stays below it.
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
    """Random integers in the case's dtype such that every partial sum, in whatever order, is exact in it.

    As large as that allows, one argument (either) with three times the bits of the other, so that rounding an
    argument, or summing in a narrower type, shows. Where even ones would be too many, most elements are zero.
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
    """No zeros but those that thin, so that no product is lost unseen."""
    values = random.integers(1, magnitude, shape, np.int64, endpoint=True)
    if not dtype.startswith("u"):
        values *= random.choice(np.array([-1, 1]), shape)
    return values if density == 1.0 else values * (random.random(shape) < density)


def _largest_sum(call: Call) -> float:
    sums = gauge(call)
    return float(sums.max()) if sums.size else 0.0
