"""Real arrays of many kinds, and the operations on them by rational arithmetic, rounded once."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import reference_impl
from reference_impl import exact
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32, "float64": np.float64}
# Bits of the significand; exponents of the smallest positive number and of the first power of 2 out of range.
LIMITS = {
    "float16": (11, -24, 16),
    "bfloat16": (8, -133, 128),
    "float32": (24, -149, 128),
    "float64": (53, -1074, 1024),
}
CASE = Case.parse("n2_h5w4c6_k3x2o4_s2x1_d1x2_g2_SAME")

EVERY_OPERATION = pytest.mark.parametrize("operation", OPERATIONS)
EVERY_DTYPE = pytest.mark.parametrize("dtype", DTYPES)


# Data: each function draws real numbers of one kind.


def normal(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    return random.standard_normal(shape)


def small_integers(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    return random.integers(-2, 3, shape).astype(np.float64)


def wide(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    """Numbers with exponents over the whole range."""
    _, least, infinite = limits
    return np.ldexp(random.uniform(-1, 1, shape), random.integers(least, infinite - 1, shape))


def subnormal(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    precision, least, _ = limits
    return np.ldexp(random.integers(-(2**precision), 2**precision, shape).astype(np.float64), least)


def middling(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    """Numbers so small that products are subnormal or below the smallest number."""
    _, least, _ = limits
    return np.ldexp(random.integers(-9, 10, shape).astype(np.float64), (least - random.integers(0, 6, shape)) // 2)


def cancelling(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    """Few magnitudes, far apart: sums vanish, or lose their leading terms."""
    return np.ldexp(random.choice([-1.0, 1.0], shape), random.choice([-12, 0, 12], shape))


def tying(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    """1, half the unit of 1 in some dtype, and a bit far below: sums tie, or nearly tie."""
    halves = [-precision for precision, _, _ in LIMITS.values()]
    return np.ldexp(random.choice([-1.0, 1.0, 1.0], shape), random.choice([0, 0, *halves, -70], shape))


def overflowing(random: np.random.Generator, shape: tuple, limits: tuple) -> np.ndarray:
    """Numbers near the square root of the largest one: products overflow, or nearly do."""
    return np.ldexp(random.integers(-3, 4, shape).astype(np.float64), limits[2] // 2 - random.integers(0, 3, shape))


KINDS = (normal, small_integers, wide, subnormal, middling, cancelling, tying, overflowing)


def real_arrays(case: Case, kinds: tuple, dtypes: tuple, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {"input": case.input_sizes, "filters": case.filter_sizes, "out_backprop": case.output_shape}
    arrays = {}
    for (name, shape), kind, dtype in zip(shapes.items(), kinds, dtypes, strict=True):
        with np.errstate(all="ignore"):
            values = kind(random, shape, LIMITS[dtype]).astype(DTYPES[dtype])
        values[~np.isfinite(values.astype(np.float64))] = 1
        arrays[name] = values
    return arrays


def run(module: Any, operation: str, case: Case, arrays: dict[str, np.ndarray], **options: str) -> np.ndarray:
    input, filters, out_backprop = arrays["input"], arrays["filters"], arrays["out_backprop"]
    positional = {
        "conv2d": (input, filters),
        "conv2d_backprop_input": (case.input_sizes, filters, out_backprop),
        "conv2d_backprop_filter": (input, case.filter_sizes, out_backprop),
        "conv2d_transpose": (out_backprop, filters, case.input_sizes),
    }[operation]
    return getattr(module, operation)(*positional, **case.options, **options)


# The operations by rational arithmetic.


def as_fractions(array: np.ndarray) -> np.ndarray:
    result = np.empty(array.size, object)
    result[:] = [Fraction(float(value)) for value in array.ravel()]
    return result.reshape(array.shape)


def rounded(value: Fraction, dtype: str) -> float:
    """Round `value` to `dtype`, and return it as a float: the nearest multiple of the unit at its size."""
    precision, least, infinite = LIMITS[dtype]
    if value == 0:
        return 0.0
    floor_log2 = value.numerator.bit_length() - value.denominator.bit_length()
    floor_log2 -= abs(value) < Fraction(2) ** floor_log2
    unit = Fraction(2) ** max(floor_log2 - precision + 1, least)
    result = round(value / unit) * unit  # Python rounds halves to even
    if abs(result) >= Fraction(2) ** infinite:
        return math.inf if value > 0 else -math.inf
    return math.copysign(float(result), -1 if value < 0 else 1)


def by_fractions(operation: str, case: Case, arrays: dict[str, np.ndarray], dtype: str) -> np.ndarray:
    sums = run(reference_impl, operation, case, {name: as_fractions(array) for name, array in arrays.items()})
    floats = np.array([rounded(Fraction(value), dtype) for value in sums.flat], np.float64).reshape(sums.shape)
    return floats.astype(DTYPES[dtype])


# Sums of integers * 2**exponents.


def expected_of_sums(integers: np.ndarray, exponents: list[int], dtype: str) -> np.ndarray:
    """Return the rows' sums of integers * 2**exponents, rounded once."""
    powers = [Fraction(2) ** exponent for exponent in exponents]
    sums = [sum((int(n) * power for n, power in zip(row, powers)), Fraction(0)) for row in integers]
    return np.array([rounded(value, dtype) for value in sums]).astype(DTYPES[dtype])


def exact_sums(integers: np.ndarray, exponents: list[int], dtype: str, operation: str = "conv2d") -> np.ndarray:
    """Return the rows' sums of integers * 2**exponents by `exact`. Each exponent is split between the two arrays."""
    lower = [exponent // 2 for exponent in exponents]
    points = np.ldexp(integers.astype(np.float64), lower)
    powers = np.ldexp(1.0, [exponent - low for exponent, low in zip(exponents, lower)])
    count, terms = integers.shape
    if operation == "conv2d":
        return exact.conv2d(points.reshape(1, 1, count, terms), powers.reshape(1, 1, terms, 1), dtype=dtype).ravel()
    if operation == "conv2d_backprop_filter":
        images, cotangent = points.T.reshape(terms, 1, 1, count), powers.reshape(terms, 1, 1, 1)
        return exact.conv2d_backprop_filter(images, (1, 1, count, 1), cotangent, dtype=dtype).ravel()
    cotangent, filters, sizes = points.reshape(1, 1, count, terms), powers.reshape(1, 1, 1, terms), (1, 1, count, 1)
    if operation == "conv2d_backprop_input":
        return exact.conv2d_backprop_input(sizes, filters, cotangent, dtype=dtype).ravel()
    return exact.conv2d_transpose(cotangent, filters, sizes, dtype=dtype).ravel()


def sums_near(dtype: str, seed: int, count: int = 100) -> tuple[np.ndarray, list[int]]:
    """Draw sums near a border of `dtype`, or near a tie: integers (count, terms) and the exponents of their columns.

    The first columns make up a number near the border, in its unit or in halves of it. The others are far below it, and
    may cancel each other.
    """
    random = np.random.default_rng([seed, *dtype.encode()])
    precision, least, infinite = LIMITS[dtype]
    place = int(random.choice([least, least + precision - 1, least + precision, 0, infinite - 1, infinite]))
    unit = max(place - precision, least)
    lower = unit - 1 - np.cumsum(random.integers(0, 40, random.integers(1, 7)))
    exponents = [place, unit, unit - 1, *lower.tolist()]
    integers = random.integers(-2, 3, (count, len(exponents)))
    integers[:, 0] = random.choice([-1, 0, 1, 1], count)
    integers[:, 1] *= random.integers(0, 2 ** min(precision, 20), count)
    return integers, exponents


def assert_same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype
    bits = f"u{actual.dtype.itemsize}"
    np.testing.assert_array_equal(
        np.ascontiguousarray(actual).view(bits), np.ascontiguousarray(expected).view(bits), strict=True
    )
