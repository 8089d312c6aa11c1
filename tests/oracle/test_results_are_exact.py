"""What the operations do with the numbers they take: dtypes, exactness, memory orders, NaN, empty sums."""

from __future__ import annotations

import warnings
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, arrays_of, by_definition, run

from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input
from reference_impl.cases.case import Case

CASE = GENERAL_CASES[2]  # groups, four pads, strides, dilation, no two sizes alike
POINTWISE = Case.parse("n2_h6w9c3_k1x1o4_s4x2")  # the path without windows
BOTH_PATHS = pytest.mark.parametrize("case", [CASE, POINTWISE], ids=str)
EVERY_OPERATION = pytest.mark.parametrize("operation", TAKES)
SIGNED = (np.int8, np.int16, np.int32, np.int64)
UNSIGNED = (np.uint8, np.uint16, np.uint32, np.uint64)
FLOATS = (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)


def name(dtype) -> str:
    return np.dtype(dtype).name


def small_arrays(case: Case, dtype, low: int = -4) -> Arrays:
    """Integers that every dtype holds."""
    return Arrays(*((array % 9 + low).astype(dtype) for array in arrays_of(case)))


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
    ids=lambda value: None if isinstance(value, int) else name(value),
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
    ids=name,
)
def test_result_has_the_dtype_of_both_when_they_differ(left, right, expected):
    arrays = small_arrays(CASE, np.int64, low=0)
    arrays = Arrays(arrays.input.astype(left), arrays.filters.astype(right), arrays.out_backprop)
    actual = run("conv2d", CASE, arrays)
    assert actual.dtype == expected
    assert actual.tolist() == run("conv2d", CASE, as_integers(arrays)).tolist()


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int64, np.float32, object], ids=name)
@BOTH_PATHS
def test_result_is_a_writeable_array_of_its_own(case, dtype, operation):
    arrays = small_arrays(case, dtype)
    result = run(operation, case, arrays)
    assert result.flags.writeable
    assert not any(np.shares_memory(result, array) for array in arrays)


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
    # As many terms as taps, output channels or positions, in turn.
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


@pytest.mark.parametrize("dtype", SIGNED[:-1] + UNSIGNED[:-1], ids=name)
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
    # Integers whose products and sums float64 alone holds.
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
    # NumPy makes float64 of these two.
    assert conv2d([[[[-1, 2**63 + 5]]]], [[[[1], [1]]]]).tolist() == [[[[2**63 + 4]]]]


# Memory orders.


def unaligned(array: np.ndarray) -> np.ndarray:
    """The same elements, one byte off their alignment."""
    copy = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def every_second(array: np.ndarray) -> np.ndarray:
    """The same elements, in each axis every second one of a larger array."""
    larger = np.full([2 * size for size in array.shape], 77, array.dtype)[::2, ::2, ::2, ::2]
    larger[...] = array
    return larger


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


ORDERS = {
    "fortran": np.asfortranarray,
    "channels-first": lambda array: array.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1),
    "negative-strides": lambda array: array[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1],
    "every-second": every_second,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": read_only,
}


def nested(array: np.ndarray, sequence: type) -> list | tuple:
    return sequence(nested(part, sequence) for part in array) if array.ndim > 1 else sequence(array.tolist())


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float16, np.float32, np.float64], ids=name)
@pytest.mark.parametrize("order", ORDERS)
@BOTH_PATHS
def test_memory_order_changes_nothing(case, order, dtype, operation):
    arrays = small_arrays(case, dtype)
    ordered = Arrays(*map(ORDERS[order], arrays))
    np.testing.assert_array_equal(run(operation, case, ordered), run(operation, case, arrays), strict=True)


@EVERY_OPERATION
@pytest.mark.parametrize("order", ["fortran", "channels-first", "negative-strides", "every-second", "read-only"])
def test_memory_order_changes_nothing_when_objects(order, operation):
    arrays = small_arrays(CASE, object)
    ordered = Arrays(*map(ORDERS[order], arrays))
    np.testing.assert_array_equal(run(operation, CASE, ordered), run(operation, CASE, arrays), strict=True)


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float64], ids=name)
@pytest.mark.parametrize("sequence", [list, tuple], ids=["lists", "tuples"])
def test_nested_sequences_are_taken(sequence, dtype, operation):
    arrays = small_arrays(CASE, dtype)
    sequences = Arrays(*(nested(array, sequence) for array in arrays))
    np.testing.assert_array_equal(run(operation, CASE, sequences), run(operation, CASE, arrays), strict=True)


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64, object], ids=name)
@BOTH_PATHS
def test_arguments_are_never_written_to(case, dtype, operation):
    arrays = small_arrays(case, dtype)
    before = Arrays(*(array.copy() for array in arrays))
    run(operation, case, arrays)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)


def test_broadcast_arguments_are_taken():
    ones = np.broadcast_to(np.float32(1), (2, 5, 6, 3))
    assert (conv2d(ones, np.broadcast_to(np.float32(1), (2, 3, 3, 4))) == 18).all()


# NaN and infinity.


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", FLOATS, ids=name)
@pytest.mark.parametrize("values", [(np.nan,), (np.inf, -np.inf)], ids=str)
@BOTH_PATHS
def test_values_that_are_not_finite_give_no_warning(case, values, dtype, operation):
    arrays = small_arrays(case, dtype)
    for array in arrays:
        array.flat[:: max(array.size // 6, 1)] = np.resize(values, len(array.flat[:: max(array.size // 6, 1)]))
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        run(operation, case, arrays)


@EVERY_OPERATION
@pytest.mark.parametrize("largest", [1e308, 1e-308], ids=["overflow", "underflow"])
def test_values_out_of_range_give_no_warning(largest, operation):
    arrays = Arrays(*(array * (largest / 1e4) for array in arrays_of(CASE)))
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        run(operation, CASE, arrays)


@pytest.mark.parametrize(
    ("dtype", "bits"), [(np.float32, 0x7FA00000), (ml_dtypes.bfloat16, 0x7FA0)], ids=["float32", "bfloat16"]
)
def test_signalling_nan_gives_no_warning(dtype, bits):
    unsigned = np.uint32 if dtype is np.float32 else np.uint16
    signalling = np.full((1, 3, 3, 1), bits, unsigned).view(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(conv2d(signalling, np.ones((2, 2, 1, 1), dtype))).all()


@EVERY_OPERATION
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_nan_reaches_exactly_the_elements_that_read_it(case, operation):
    arrays = small_arrays(case, np.float64)
    first, second = TAKES[operation]
    spoilt = getattr(arrays, first)
    spoilt.flat[spoilt.size // 2] = np.nan
    actual = np.isnan(run(operation, case, arrays))
    # The same in integers: whose sum has a term with that element.
    reach = Arrays(*(np.ones(array.shape, int) for array in arrays))
    reach = reach._replace(**{first: np.isnan(spoilt).astype(int), second: np.ones(getattr(arrays, second).shape, int)})
    np.testing.assert_array_equal(actual, run(operation, case, reach) > 0)


# Empty sums.


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int32, np.float32, object], ids=name)
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
