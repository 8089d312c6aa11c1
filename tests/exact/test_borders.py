"""Sums at the borders of each format are rounded once: exhausted near every border, and searched with Fractions.

At a border the rule of rounding changes. Borders are zero, the smallest number and the smallest normal number. So are
powers of two, where the unit doubles, up to the first that is out of range.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from exact_arithmetic import (
    EVERY_DTYPE,
    EVERY_OPERATION,
    LIMITS,
    assert_same_bits,
    exact_sums,
    expected_of_sums,
    sums_near,
)

from reference_impl import exact
from reference_impl.exact import leading, rounding, slices

# Each border as a power of two, or 0, and the exponent of the unit of the numbers below it.
BORDERS = {
    "zero": lambda precision, least, infinite: (None, least),
    "smallest": lambda precision, least, infinite: (least, least),
    "second": lambda precision, least, infinite: (least + 1, least),
    "smallest-normal": lambda precision, least, infinite: (least + precision - 1, least),
    "second-normal": lambda precision, least, infinite: (least + precision, least),
    "one": lambda precision, least, infinite: (0, -precision),
    "last": lambda precision, least, infinite: (infinite - 1, infinite - 1 - precision),
    "overflow": lambda precision, least, infinite: (infinite, infinite - precision),
}
EVERY_BORDER = pytest.mark.parametrize("border", BORDERS)
# Bits between a quarter of the unit and the tiny amount: the next bit, and the far side of 53, 61 and several slices.
FAR = (1, 2, 29, 52, 53, 54, 61, 62, 100, 300)
QUARTERS = range(-20, 21)


def neighbourhood(dtype: str, border: str, far: int) -> tuple[np.ndarray, list[int]]:
    """Return integers (points, 3) and exponents: each point is the sum of integers * 2**exponents.

    The points are the border, plus each number of quarters of the unit, plus or minus a tiny amount or none.
    """
    place, unit = BORDERS[border](*LIMITS[dtype])
    points = [(place is not None, quarters, tiny) for quarters in QUARTERS for tiny in (-1, 0, 1)]
    signed = np.array(points, np.int64)
    return np.concatenate([signed, -signed]), [place or 0, unit - 2, unit - 2 - far]


@EVERY_DTYPE
@EVERY_BORDER
def test_neighbourhood_of_a_border_is_rounded_once(border, dtype):
    for far in FAR:
        integers, exponents = neighbourhood(dtype, border, far)
        assert_same_bits(exact_sums(integers, exponents, dtype), expected_of_sums(integers, exponents, dtype))


@pytest.mark.parametrize("path", ["leading-slices", "all-slices", "Python-integers"])
@EVERY_DTYPE
@EVERY_BORDER
def test_every_path_rounds_once_near_a_border(border, dtype, path, monkeypatch):
    if path == "leading-slices":
        monkeypatch.setattr(leading, "_spread", lambda factors: np.inf)  # try them, whatever the odds
    else:
        monkeypatch.setattr(leading, "attempt", lambda *given: None)
    if path == "Python-integers":
        monkeypatch.setattr(slices, "MAX_SLICES", 0)
    for far in (1, 53):
        integers, exponents = neighbourhood(dtype, border, far)
        assert_same_bits(exact_sums(integers, exponents, dtype), expected_of_sums(integers, exponents, dtype))


@EVERY_OPERATION
@EVERY_DTYPE
def test_every_operation_rounds_once_at_the_smallest_normal_number(dtype, operation):
    integers, exponents = neighbourhood(dtype, "smallest-normal", 2)
    actual = exact_sums(integers, exponents, dtype, operation)
    assert_same_bits(actual, expected_of_sums(integers, exponents, dtype))


@pytest.mark.parametrize("sign", [1, -1])
def test_sum_just_below_the_smallest_normal_number_is_subnormal(sign):
    # Both ends of the interval are 2**-1022 in float64. Between them, the number itself rounds to one unit less.
    input = sign * np.array([2.0**-511, -(2.0**-537), -(2.0**-540)]).reshape(1, 1, 1, 3)
    filters = np.array([2.0**-511, 2.0**-538, 2.0**-540]).reshape(1, 1, 3, 1)
    assert exact.conv2d(input, filters, dtype="float64").item() == sign * (2.0**-1022 - 2.0**-1074)


@pytest.mark.parametrize("bits", [7, 11, 24])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interval_decides_nothing_wrong_near_the_smallest_normal_number(dtype, bits):
    # Points in steps of a quarter of the unit, over 8 units on each side, cut into words of `bits` bits.
    precision, least, _ = LIMITS[dtype]
    steps = np.arange(-32, 33)
    for low, tiny in itertools.product((0, 1, -3), (0, 1, -1)):
        exponents = [least - 2, least - 2 - bits, least - 2 - 2 * bits]
        integers = np.stack([2 ** (precision + 1) + steps, np.full_like(steps, low), np.full_like(steps, tiny)], axis=1)
        words = [integers[:, 0] >> bits, integers[:, 0] % 2**bits, integers[:, 1], integers[:, 2]]
        floats = [word.astype(np.float64) for word in words]
        actual, decided = rounding.round_interval(floats, bits, exponents[-1], np.dtype(dtype))
        assert decided.any()
        assert_same_bits(actual[decided], expected_of_sums(integers, exponents, dtype)[decided])


@EVERY_DTYPE
@pytest.mark.parametrize("seed", range(3))
def test_search_near_borders_finds_no_second_rounding(seed, dtype):
    integers, exponents = sums_near(dtype, seed)
    assert_same_bits(exact_sums(integers, exponents, dtype), expected_of_sums(integers, exponents, dtype))


@EVERY_DTYPE
def test_search_reaches_every_kind_of_result(dtype):
    precision, least, _ = LIMITS[dtype]
    kinds = set()
    for seed in range(30):
        results = np.abs(expected_of_sums(*sums_near(dtype, seed), dtype).astype(np.float64))
        edges = [5e-324, 2.0 ** (least + precision - 1), np.inf]
        kinds |= {("zero", "subnormal", "normal", "infinite")[kind] for kind in np.digitize(results, edges)}
    assert kinds == {"zero", "subnormal", "normal", "infinite"}
