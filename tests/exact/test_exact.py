"""Exact results equal rational arithmetic that is rounded once by other means, bit for bit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from exact_arithmetic import (
    CASE,
    DTYPES,
    EVERY_DTYPE,
    EVERY_OPERATION,
    KINDS,
    LIMITS,
    as_fractions,
    assert_same_bits,
    by_fractions,
    cancelling,
    middling,
    normal,
    real_arrays,
    rounded,
    run,
    tying,
    wide,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_impl
from reference_impl import exact
from reference_impl.cases.case import Case
from reference_impl.cases.strategies import cases, seeds
from reference_impl.exact import rounding, slices


@EVERY_OPERATION
@given(
    case=cases(max_products=300),
    kinds=st.tuples(*[st.sampled_from(KINDS)] * 3),
    dtypes=st.tuples(*[st.sampled_from(list(DTYPES))] * 3),
    dtype=st.sampled_from(list(DTYPES)),
    seed=seeds(),
)
def test_exact_equals_rational_arithmetic(operation, case, kinds, dtypes, dtype, seed):
    arrays = real_arrays(case, kinds, dtypes, seed)
    assert_same_bits(run(exact, operation, case, arrays, dtype=dtype), by_fractions(operation, case, arrays, dtype))


@EVERY_DTYPE
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@EVERY_OPERATION
def test_exact_equals_rational_arithmetic_when_all_are_of_a_kind(operation, kind, dtype):
    arrays = real_arrays(CASE, (kind,) * 3, (dtype,) * 3, seed=1)
    assert_same_bits(run(exact, operation, CASE, arrays, dtype=dtype), by_fractions(operation, CASE, arrays, dtype))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_filter"])
def test_data_sees_a_second_rounding(operation, dtype, monkeypatch):
    # The planted fault rounds to the next wider format first, as a kernel with a wide accumulator does.
    wider = {"float16": "float32", "bfloat16": "float32", "float32": "float64"}[dtype]
    once = rounding.round_to

    def twice(significand, exponent, dtype):
        with np.errstate(over="ignore"):
            return once(significand, exponent, wider).astype(dtype)

    arrays = real_arrays(CASE, (tying,) * 3, ("float32",) * 3, seed=1)
    expected = by_fractions(operation, CASE, arrays, dtype)
    assert_same_bits(run(exact, operation, CASE, arrays, dtype=dtype), expected)
    monkeypatch.setattr(rounding, "round_to", twice)
    with pytest.raises(AssertionError, match="not equal"):
        assert_same_bits(run(exact, operation, CASE, arrays, dtype=dtype), expected)


def test_data_has_ties_zeros_subnormals_and_infinities():
    seen = set()
    for kind in KINDS:
        arrays = real_arrays(CASE, (kind,) * 3, ("float32",) * 3, seed=1)
        sums = run(reference_impl, "conv2d", CASE, {name: as_fractions(array) for name, array in arrays.items()})
        for value in sums.flat:
            result = rounded(Fraction(value), "float32")
            unit = Fraction(2) ** max(math.frexp(result)[1] - 24, -149) if math.isfinite(result) else 1
            seen |= {
                name
                for name, there in {
                    "zero": value == 0,
                    "underflow": result == 0 and value < 0,
                    "subnormal": 0 < abs(result) < 2.0**-126,
                    "overflow": math.isinf(result),
                    "tie": math.isfinite(result) and abs(value - Fraction(result)) == unit / 2,
                }.items()
                if there
            }
    assert seen == {"zero", "underflow", "subnormal", "overflow", "tie"}


@pytest.mark.parametrize(("channels", "kernel"), [(1, 1), (64, 3), (300, 1)])
@pytest.mark.parametrize("kind", [normal, wide, cancelling], ids=lambda kind: kind.__name__)
def test_exact_equals_fsum_of_each_element(kind, channels, kernel):
    # Products of float32 numbers are exact in float64.
    case = Case(1, 4, 5, channels, (kernel, kernel), 3)
    arrays = real_arrays(case, (kind,) * 3, ("float32",) * 3, seed=2)
    actual = run(exact, "conv2d", case, arrays, dtype="float64")
    input, filters = arrays["input"].astype(np.float64), arrays["filters"].astype(np.float64)
    expected = np.empty(case.output_shape)
    for n, h, w, o in np.ndindex(expected.shape):
        expected[n, h, w, o] = math.fsum((input[n, h : h + kernel, w : w + kernel] * filters[..., o]).ravel())
    assert_same_bits(actual, expected + 0.0)


# Slices.


@EVERY_OPERATION
@pytest.mark.parametrize("kind", [normal, cancelling, tying, middling], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("width", [2, 7, 13, 20])
def test_result_does_not_depend_on_the_slice_width(width, kind, operation, monkeypatch):
    arrays = real_arrays(CASE, (kind,) * 3, ("float32", "float64", "float16"), seed=3)
    expected = run(exact, operation, CASE, arrays, dtype="float64")
    monkeypatch.setattr(slices, "SLICE_BITS", width)
    monkeypatch.setattr(slices, "MAX_SLICES", 200)
    assert_same_bits(run(exact, operation, CASE, arrays, dtype="float64"), expected)


@EVERY_OPERATION
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_python_integers_give_the_same_bits(kind, operation, monkeypatch):
    arrays = real_arrays(CASE, (kind,) * 3, ("float32", "bfloat16", "float16"), seed=4)
    expected = run(exact, operation, CASE, arrays, dtype="float32")
    monkeypatch.setattr(slices, "MAX_SLICES", 0)
    assert_same_bits(run(exact, operation, CASE, arrays, dtype="float32"), expected)


@pytest.mark.parametrize("terms", [0, 1, 2, 31, 32, 33, 576, 4608, 50176, 2**31])
def test_sums_of_slices_stay_exact_in_float64(terms):
    bits = slices.bits_for(terms)
    assert terms * 4**bits <= 2**53
    assert bits == slices.SLICE_BITS or terms * 4 ** (bits + 1) > 2**53


@pytest.mark.parametrize("value", [1.0, -1.0, np.pi, 1 - 2.0**-53, -(1 + 2.0**-52), 2.0**-1074, np.finfo(float).max])
@pytest.mark.parametrize("bits", [2, 11, 24])
def test_slices_add_up_to_the_array_and_keep_to_their_bits(bits, value):
    array = np.array([value, 0.0, -value / 2])
    top = slices.top_of(array)
    pieces = slices.cut(array, top, bits, slices.MAX_SLICES)
    kept = [piece for piece in pieces if piece is not None]
    assert max(abs(float(piece)) for array in kept for piece in array) <= 2 ** (bits - 1)
    total = sum(
        Fraction(float(s[0])) * Fraction(2) ** (top - i * bits) for i, s in enumerate(pieces, 1) if s is not None
    )
    assert len(pieces) > slices.MAX_SLICES or total == Fraction(value)


def test_greatest_sums_of_slices_are_exact():
    # Every product of slices and of sums of slices is as large as it may be, with equal signs.
    case = Case(1, 1, 1, 32, (1, 1), 1)
    bits = slices.bits_for(32)
    value = sum(2.0 ** (bits - 1 - bits * i) for i in range(2))
    arrays = dict.fromkeys(("input", "filters", "out_backprop"), np.float64(value))
    shapes = {"input": case.input_sizes, "filters": case.filter_sizes, "out_backprop": case.output_shape}
    arrays = {name: np.full(shapes[name], number) for name, number in arrays.items()}
    actual = exact.conv2d(arrays["input"], arrays["filters"], dtype="float64")
    assert Fraction(float(actual[0, 0, 0, 0])) == Fraction(rounded(32 * Fraction(value) ** 2, "float64"))


# The rounding alone.


def magnitudes(dtype: str) -> np.ndarray:
    """Return all numbers of a 16-bit `dtype` from 0 to the largest, and then the first power of 2 that is too large."""
    infinity = int(np.array(np.inf, DTYPES[dtype]).view(np.uint16))
    finite = np.arange(infinity, dtype=np.uint16).view(DTYPES[dtype]).astype(np.float64)
    return np.append(finite, 2.0 ** LIMITS[dtype][2])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("spare", [0, 1, 8])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_round_to_is_right_on_every_number_midpoint_and_neighbour(dtype, spare, sign):
    # Numbers in order have consecutive bits. So the expected bits of a number are its place in the list.
    numbers = magnitudes(dtype)
    below = np.arange(len(numbers) - 1)
    middles = (numbers[:-1] + numbers[1:]) / 2
    even = below + below % 2
    for points, offset, expected in (
        (numbers[:-1], 0, below),
        (numbers[1:-1], 1, below[1:]),
        (numbers[1:-1], -1, below[1:]),
        (middles, 0, even),
        (middles, -1, below),
        (middles, 1, below + 1),
    ):
        fraction, exponent = np.frexp(points)
        significand = (fraction * 2**53).astype(np.int64) * 2**spare + offset
        actual = rounding.round_to(sign * significand, exponent.astype(np.int64) - 53 - spare, dtype)
        negative = (sign < 0) & (significand != 0)
        np.testing.assert_array_equal(actual.view(np.uint16), expected + (negative * 2**15))


@EVERY_DTYPE
@given(st.lists(st.tuples(st.integers(-(2**61), 2**61), st.integers(-2300, 2300)), min_size=1), st.data())
@settings(max_examples=50)
def test_round_to_equals_rational_rounding(dtype, numbers, data):
    precision, least, infinite = LIMITS[dtype]
    near = data.draw(st.sampled_from([least - 62, least - precision, least, infinite - 62, infinite - precision, 0]))
    significands, exponents = (np.array(column, np.int64) for column in zip(*numbers))
    exponents[::2] = near + exponents[::2] % 5
    expected = [rounded(int(m) * Fraction(2) ** int(e), dtype) for m, e in zip(significands, exponents)]
    assert_same_bits(rounding.round_to(significands, exponents, dtype), np.array(expected).astype(DTYPES[dtype]))


@pytest.mark.parametrize("significand", [2**61 + 1, -(2**61) - 1, -(2**63)])
def test_round_to_refuses_significands_that_are_too_large(significand):
    with pytest.raises(ValueError, match=r"significand must be at most 2\*\*61"):
        rounding.round_to(np.array([significand], np.int64), 0, "float32")


# Arguments.


@EVERY_OPERATION
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@EVERY_DTYPE
def test_data_that_is_not_finite_is_refused(dtype, value, operation):
    arrays = real_arrays(CASE, (normal,) * 3, (dtype,) * 3, seed=5)
    for array in arrays.values():
        array[1, 0, 1, 0] = value
    with pytest.raises(
        ValueError, match=rf"must be finite to have an exact result; at \(1, 0, 1, 0\) it holds {value}"
    ):
        run(exact, operation, CASE, arrays)


@EVERY_OPERATION
def test_arguments_are_never_written_to(operation):
    arrays = real_arrays(CASE, (normal, wide, tying), ("float64", "float32", "float16"), seed=6)
    before = {name: array.copy() for name, array in arrays.items()}
    run(exact, operation, CASE, arrays)
    for name, array in arrays.items():
        assert_same_bits(array, before[name])


@EVERY_OPERATION
def test_default_dtype_is_float32(operation):
    arrays = real_arrays(CASE, (normal,) * 3, ("float64",) * 3, seed=7)
    assert run(exact, operation, CASE, arrays).dtype == np.float32


@EVERY_DTYPE
def test_dtype_may_be_a_name_a_type_or_a_dtype(dtype):
    ones = np.ones((1, 1, 1, 1))
    for same in (dtype, DTYPES[dtype], np.dtype(DTYPES[dtype])):
        assert exact.conv2d(ones, ones, dtype=same).dtype == DTYPES[dtype]


@pytest.mark.parametrize("dtype", ["int64", "float128", "complex64", np.int32, None])
def test_unknown_dtype_lists_the_known(dtype):
    with pytest.raises(ValueError, match="dtype must be one of float16, bfloat16, float32, float64; not"):
        exact.conv2d(np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)), dtype=dtype)


def test_exact_zero_is_positive_and_underflow_keeps_its_sign():
    input = np.array([1, -1, 2.0**-149, 2.0**-149], np.float32).reshape(1, 1, 2, 2)
    filters = np.array([[1, -0.5], [1, 0]], np.float32).reshape(1, 1, 2, 2)
    actual = exact.conv2d(input, filters)[0, 0]
    assert np.signbit(actual).tolist() == [[False, True], [False, True]]
    assert actual.tolist() == [[0, -0.5], [2.0**-148, 0]]


@EVERY_OPERATION
@pytest.mark.parametrize("spec", ["n0_h5w6c4_k3x2o6_g2", "n2_h5w6c0_k3x2o6_g2", "n2_h5w6c4_k3x2o0_g2"])
def test_empty_sums_are_positive_zeros(spec, operation):
    case = Case.parse(spec)
    arrays = real_arrays(case, (normal,) * 3, ("float32",) * 3, seed=0)
    expected = run(reference_impl, operation, case, arrays).astype(np.float32)
    assert_same_bits(run(exact, operation, case, arrays), np.zeros_like(expected))


def test_integers_are_taken_if_float64_holds_them():
    integers = np.array([2**53, -3, 5, 7]).reshape(1, 2, 2, 1)
    actual = exact.conv2d(integers, integers.transpose(1, 2, 0, 3), dtype="float64")
    assert actual.tolist() == [[[[float(2**106 + 83)]]]]
    with pytest.raises(ValueError, match=r"input must hold integers that float64 holds: magnitudes up to 2\*\*53"):
        exact.conv2d(integers + 1, integers.transpose(1, 2, 0, 3))


def test_objects_are_refused():
    with pytest.raises(TypeError, match="filters must hold floats or integers, not objects"):
        exact.conv2d(np.ones((1, 2, 2, 1)), np.full((1, 1, 1, 1), 10**30, object))


def test_wide_exponents_in_a_large_problem_are_refused_where_they_matter():
    input = np.ones((1, 64, 64, 16))
    input[0, 0, 0, 0] = 2.0**-1000
    filters = np.ones((3, 3, 16, 64))
    assert exact.conv2d(input, filters, padding="SAME").min() == 63  # above, 1 - 2**-1000 is lost
    filters[:, :, ::2] = -1  # sums that vanish
    with pytest.raises(
        ValueError, match=r"needs more than 24 slices of .* 147456\d* elements|exponents must not spread"
    ):
        exact.conv2d(input, filters, padding="SAME")


def test_shapes_that_do_not_fit_are_refused_in_the_words_of_the_operation():
    with pytest.raises(ValueError, match="out_backprop must have shape"):
        exact.conv2d_backprop_input((1, 4, 4, 1), np.ones((2, 2, 1, 1)), np.ones((1, 2, 3, 1)))
