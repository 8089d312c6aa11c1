"""The verdicts raise where they must, and say what is wrong."""

from __future__ import annotations

import functools
import itertools
import math
import operator

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.verdicts.agreement import (
    Disagreement,
    assert_exact,
    assert_same_bits,
    assert_shape_and_dtype,
    assert_unchanged,
)
from reference_impl.verdicts.call import Call, numpy_dtype, oracle
from reference_impl.verdicts.integers import integer_call

CALL = integer_call(Case.parse("n2_h4w5c1_k1o3"), "conv2d", 0)
EXPECTED = oracle(CALL)


def test_assert_exact_passes_the_oracles_own_answer():
    assert_exact(EXPECTED.astype(np.float32), EXPECTED, CALL)


def one_dot_product(left, right, dtype="float32"):
    case = Case(1, 1, 1, len(left), (1, 1), 1, dtype=dtype)
    arrays = {"input": np.array(left).reshape(1, 1, 1, -1), "filters": np.array(right).reshape(1, 1, -1, 1)}
    call = Call("conv2d", case, {name: array.astype(numpy_dtype(dtype)) for name, array in arrays.items()})
    return call, oracle(call)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_assert_exact_demands_positive_zero_where_products_cancel(dtype):
    call, expected = one_dot_product([2, 0, -3], [3, -1, 2], dtype)
    zero = expected.astype(numpy_dtype(dtype))
    assert_exact(zero, expected, call)
    with pytest.raises(Disagreement, match=r"zero must be \+0.0 where its products are not all zero") as caught:
        assert_exact(-zero, expected, call)
    assert "actual -0" in str(caught.value)


@pytest.mark.parametrize(("left", "right"), [([0, 0], [-1, -2]), ([], [])], ids=["zero-products", "no-products"])
def test_assert_exact_takes_either_zero_where_no_product_has_a_value(left, right):
    call, expected = one_dot_product(left, right)
    assert_exact(-expected.astype(np.float32), expected, call)


@pytest.mark.parametrize("begin", [0.0, -0.0, None], ids=str)
def test_every_order_of_adding_gives_positive_zero_where_products_cancel(begin):
    signs = set()
    for products in itertools.product([-2.0, -1.0, -0.0, 0.0, 1.0, 2.0], repeat=4):
        if sum(products) == 0 and any(products):  # all orders are among the tuples
            first, *rest = products if begin is None else (begin, *products)
            one_by_one = functools.reduce(operator.add, rest, first)
            in_pairs = (products[0] + products[1]) + (products[2] + products[3])
            signs |= {math.copysign(1, one_by_one), math.copysign(1, in_pairs)}
    assert signs == {1}


def test_assert_exact_names_the_worst_element_and_where_they_lie():
    actual = EXPECTED.astype(np.float32)
    actual[1, -1, :, :] += 1
    actual[1, -1, 2, 1] += 100
    with pytest.raises(Disagreement) as caught:
        assert_exact(actual, EXPECTED, CALL)
    text = str(caught.value)
    assert "15 of 120 elements are wrong" in text
    assert "worst at [1, 3, 2, 1] (image 1, row 3, column 2, output channel 1)" in text
    assert f"actual {actual[1, 3, 2, 1]}, expected {EXPECTED[1, 3, 2, 1]}" in text
    assert caught.value.diagnosis.startswith("they lie: the last image only, the last row only")
    assert caught.value.ratio > 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_assert_exact_fails_when_an_element_is_not_finite(value):
    actual = EXPECTED.astype(np.float32)
    actual[0, 0, 0, 0] = value
    with pytest.raises(Disagreement, match="1 of 120 elements are wrong"):
        assert_exact(actual, EXPECTED, CALL)


def test_assert_exact_tells_apart_integers_that_float64_does_not():
    call = integer_call(Case.parse("n1_h2w2c1_k1o1_int64"), "conv2d", 0)
    expected = np.full((1, 2, 2, 1), 2**53, np.int64)
    with pytest.raises(Disagreement):
        assert_exact(expected + 1, expected, call)


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        ([1.0], "must be a NumPy array, not list"),
        (np.zeros((2, 3), np.float32), r"shape must be \(3, 2\), not \(2, 3\)"),
        (np.zeros((3, 2), np.float64), "dtype must be float32, not float64"),
        (np.zeros((3, 2), ">f4"), "dtype must be float32, not >f4"),
    ],
    ids=["list", "shape", "dtype", "byte-order"],
)
def test_assert_shape_and_dtype_names_both(actual, words):
    with pytest.raises(Disagreement, match=words):
        assert_shape_and_dtype(actual, (3, 2), "float32")


def test_assert_same_bits_tells_apart_zeros_of_two_signs():
    with pytest.raises(Disagreement, match="1 of 2 elements differ"):
        assert_same_bits(np.array([0.0, 1.0]), np.array([-0.0, 1.0]))


def test_assert_same_bits_takes_equal_nans_as_the_same():
    assert_same_bits(np.array([np.nan]), np.array([np.nan]))


def test_assert_unchanged_names_the_argument():
    with pytest.raises(Disagreement, match="2 of 3 elements of filters changed"):
        assert_unchanged({"filters": np.array([1.0, 5.0, 6.0])}, {"filters": np.array([1.0, 2.0, 3.0])})
