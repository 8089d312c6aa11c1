"""Results are exact: integers, Python objects and empty sums, each in its dtype."""

from __future__ import annotations

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, arrays_of, by_definition, dtype_name, run, small_arrays

from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input
from reference_impl.cases.case import Case

CASE = GENERAL_CASES[2]  # groups, four pads, strides, dilation, no two sizes alike
EVERY_OPERATION = pytest.mark.parametrize("operation", TAKES)
SIGNED = (np.int8, np.int16, np.int32, np.int64)
UNSIGNED = (np.uint8, np.uint16, np.uint32, np.uint64)
FLOATS = (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)


def as_integers(arrays: Arrays) -> Arrays:
    return Arrays(*(array.astype(np.int64) for array in arrays))


def as_objects(arrays: Arrays) -> Arrays:
    return Arrays(*(array.astype(object) for array in arrays))


# Result dtypes.


@EVERY_OPERATION
@pytest.mark.parametrize(
    ("dtype", "expected", "low"),
    [
        *((dtype, np.int64, -4) for dtype in SIGNED),
        *((dtype, np.int64, 0) for dtype in (*UNSIGNED, np.bool_)),
        *((dtype, np.float64, -4) for dtype in FLOATS),
        (object, object, -4),
    ],
    ids=lambda value: None if isinstance(value, int) else dtype_name(value),
)
def test_result_has_its_dtype_and_the_integers_value(dtype, expected, low, operation):
    arrays = small_arrays(CASE, dtype, low)
    actual = run(operation, CASE, arrays)
    assert actual.dtype == expected
    assert actual.tolist() == run(operation, CASE, as_integers(arrays)).tolist()


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (np.int8, np.uint64, np.int64),
        (np.bool_, np.int32, np.int64),
        (np.int64, np.float16, np.float64),
        (ml_dtypes.bfloat16, np.float32, np.float64),
        (ml_dtypes.bfloat16, np.uint8, np.float64),
        (object, np.uint8, object),
        (np.bool_, object, object),
    ],
    ids=dtype_name,
)
def test_result_has_the_dtype_of_both_when_they_differ(left, right, expected):
    arrays = small_arrays(CASE, np.int64, low=0)
    arrays = Arrays(arrays.input.astype(left), arrays.filters.astype(right), arrays.out_backprop)
    actual = run("conv2d", CASE, arrays)
    assert actual.dtype == expected
    assert actual.tolist() == run("conv2d", CASE, as_integers(arrays)).tolist()


# Exact integers.


@pytest.mark.parametrize(
    ("terms", "left", "right"),
    [
        pytest.param(1, 2**53 + 1, 1, id="past-2**53"),
        pytest.param(3, 2**53 // 3, 1, id="sum-just-below-2**53"),
        pytest.param(3, 2**52 + 1, 1, id="sum-past-2**53"),
        pytest.param(5, 2**31 - 1, 2**29 + 1, id="products-past-2**53"),
        pytest.param(1, 2**63 - 1, 1, id="int64-max"),
        pytest.param(1, -(2**63) + 1, 1, id="int64-min-plus-1"),
        pytest.param(1, -(2**31), 2**32 - 1, id="just-above-int64-min"),
        pytest.param(7, (2**63 - 1) // 7, 1, id="7-times-73-bits-of-int64-max"),
        pytest.param(7, -1, (2**63 - 1) // 7, id="7-negative-terms"),
    ],
)
@pytest.mark.parametrize("operation", TAKES)
def test_integers_just_below_the_bound_are_exact(operation, terms, left, right):
    # The terms are taps, output channels or positions, in turn.
    if operation == "conv2d":
        actual = conv2d(np.full((1, 1, terms, 1), left), np.full((1, terms, 1, 1), right))
    elif operation == "conv2d_backprop_input":
        cotangent, filters = np.full((1, 1, 1, terms), left), np.full((1, 1, 1, terms), right)
        actual = conv2d_backprop_input((1, 1, 1, 1), filters, cotangent)
    else:
        input, cotangent = np.full((terms, 1, 1, 1), left), np.full((terms, 1, 1, 1), right)
        actual = conv2d_backprop_filter(input, (1, 1, 1, 1), cotangent)
    assert actual.dtype == np.int64
    assert actual.tolist() == [[[[terms * left * right]]]]


@EVERY_OPERATION
@pytest.mark.parametrize("bits", [10, 25, 28], ids=lambda bits: f"{bits}-bits")
def test_random_integers_are_exact(bits, operation):
    # 10 bits sum below 2**53, 25 reach past it, 28 near 2**63.
    random = np.random.default_rng(bits)
    arrays = Arrays(*(random.integers(-(2**bits), 2**bits, array.shape) for array in arrays_of(CASE)))
    actual = run(operation, CASE, arrays)
    assert actual.dtype == np.int64
    assert actual.tolist() == by_definition(operation, CASE, arrays)


@pytest.mark.parametrize(
    "extreme", [np.iinfo(dtype).min for dtype in SIGNED] + [np.iinfo(dtype).max for dtype in SIGNED + UNSIGNED], ids=str
)
def test_extreme_integers_times_0_are_0(extreme):
    dtype = np.uint64 if extreme > 2**63 else np.int64
    assert conv2d(np.full((1, 1, 1, 1), extreme, dtype), np.zeros((1, 1, 1, 1), np.int8)).tolist() == [[[[0]]]]


@pytest.mark.parametrize("dtype", SIGNED[:-1] + UNSIGNED[:-1], ids=dtype_name)
def test_extreme_integers_of_a_narrow_dtype_do_not_wrap(dtype):
    least, most = (int(extreme) for extreme in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    small = np.array([least, most, least, most], dtype).reshape(1, 1, 4, 1)
    tap = most // 8
    actual = conv2d(small, np.array([tap, 1], dtype).reshape(1, 2, 1, 1))
    expected = [least * tap + most, most * tap + least, least * tap + most]
    assert actual.ravel().tolist() == expected


@EVERY_OPERATION
@pytest.mark.parametrize(
    ("dtype", "bits"), [(np.float16, 11), (ml_dtypes.bfloat16, 8), (np.float32, 22), (np.float64, 22)]
)
def test_floats_are_multiplied_and_summed_in_float64(dtype, bits, operation):
    # Only float64 holds the products and sums of these integers.
    random = np.random.default_rng(bits)
    arrays = Arrays(*(random.integers(-(2**bits), 2**bits, array.shape).astype(dtype) for array in arrays_of(CASE)))
    assert run(operation, CASE, arrays).tolist() == by_definition(operation, CASE, as_integers(arrays))


# Objects.


@EVERY_OPERATION
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_huge_integers_are_exact(case, operation):
    arrays = Arrays(*(array * 10**40 + 1 for array in as_objects(arrays_of(case))))
    actual = run(operation, case, arrays)
    assert {type(element) for element in actual.flat} == {int}
    assert actual.tolist() == by_definition(operation, case, arrays)


@EVERY_OPERATION
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_fractions_are_exact(case, operation):
    arrays = Arrays(*(array * Fraction(1, 7) + Fraction(1, 3) for array in as_objects(arrays_of(case))))
    assert run(operation, case, arrays).tolist() == by_definition(operation, case, arrays)


def test_lists_of_huge_integers_are_exact():
    assert conv2d([[[[10**40, 3]]]], [[[[2], [10**40]]]]).tolist() == [[[[5 * 10**40]]]]


def test_lists_of_integers_that_no_dtype_holds_together_are_exact():
    # NumPy turns these two into float64.
    assert conv2d([[[[-1, 2**63 + 5]]]], [[[[1], [1]]]]).tolist() == [[[[2**63 + 4]]]]


# Empty sums.


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int32, np.float32, object], ids=dtype_name)
@pytest.mark.parametrize(
    "case",
    [
        Case(0, 5, 6, 4, (3, 2), 6, groups=2),
        Case(2, 5, 6, 0, (3, 2), 6, groups=2),
        Case(2, 5, 6, 4, (3, 2), 0, groups=2),
        Case(0, 5, 6, 0, (1, 1), 0),
        Case(2, 0, 6, 4, (3, 2), 6, padding=((2, 1), (0, 0))),
    ],
    ids=["no-images", "no-input-channels", "no-output-channels", "nothing", "no-rows-but-padding"],
)
def test_empty_sums_are_0_of_the_right_shape(case, dtype, operation):
    arrays = Arrays(*(array.astype(dtype) for array in arrays_of(case)))
    actual = run(operation, case, arrays)
    expected = {
        "conv2d": case.output_shape,
        "conv2d_backprop_input": case.input_sizes,
        "conv2d_backprop_filter": case.filter_sizes,
    }[operation]
    assert actual.shape == expected
    assert actual.dtype == {np.int32: np.int64, np.float32: np.float64, object: object}[dtype]
    assert not actual.any()
