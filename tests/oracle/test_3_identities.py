"""Step 3 of the proof: identities between the operations hold, with `==` on integers.

They would not notice a mistake that all operations share, such as a kernel flipped everywhere. Step 2 does. But they
need no definition, so that they also test geometries that are too large for it.
"""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES, SMALL_CASES
from hypothesis import given
from integer_arrays import TAKES, arrays_of, distinct_integers, run

from examples.kernels.by_conv2d_alone import ByConv2dAlone
from reference_impl import conv2d, conv2d_transpose
from reference_impl.cases.case import Case
from reference_impl.cases.strategies import cases, seeds


class OracleAlone(ByConv2dAlone):
    conv2d = staticmethod(conv2d)


BY_CONV2D_ALONE = OracleAlone()

LARGE_CASES = tuple(
    map(
        Case.parse,
        (
            "n3_h41w38c12_k7x5o10_s3x2_d2x3_g2_SAME",
            "n2_h64w57c16_k3x4o20_s2x3_g4_p2,1,0,3",
            "n5_h23w31c33_k1x1o7_s2x1",
        ),
    )
)

ROLES = [(operation, argument) for operation, arguments in TAKES.items() for argument in arguments]

# (operation, argument) -> the operation that is the derivative of <operation(...), cotangent> by that argument. Its
# two arrays are the other argument, and the cotangent in the role of the array that `operation` gives.
DERIVATIVES = {
    ("conv2d", "input"): "conv2d_backprop_input",
    ("conv2d", "filters"): "conv2d_backprop_filter",
    ("conv2d_backprop_input", "filters"): "conv2d_backprop_filter",
    ("conv2d_backprop_input", "out_backprop"): "conv2d",
    ("conv2d_backprop_filter", "input"): "conv2d_backprop_input",
    ("conv2d_backprop_filter", "out_backprop"): "conv2d",
}
GIVES = {"conv2d": "out_backprop", "conv2d_backprop_input": "input", "conv2d_backprop_filter": "filters"}


def inner(left: np.ndarray, right: np.ndarray) -> int:
    return int(np.vdot(left, right))


def forward_differences(function, at: np.ndarray) -> np.ndarray:
    """Return function(at + unit) - function(at) for the unit at each position in turn."""
    here = function(at)
    differences = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] += 1
        differences[index] = function(moved) - here
    return differences


@pytest.mark.parametrize("case", GENERAL_CASES + LARGE_CASES, ids=str)
def test_operations_are_adjoint(case):
    arrays = arrays_of(case)
    form = inner(run("conv2d", case, arrays), arrays.out_backprop)
    assert form == inner(arrays.input, run("conv2d_backprop_input", case, arrays))
    assert form == inner(arrays.filters, run("conv2d_backprop_filter", case, arrays))


@given(case=cases(max_products=100_000), seed=seeds())
def test_operations_are_adjoint_when_drawn(case, seed):
    arrays = arrays_of(case, seed)
    form = inner(run("conv2d", case, arrays), arrays.out_backprop)
    assert form == inner(arrays.input, run("conv2d_backprop_input", case, arrays))
    assert form == inner(arrays.filters, run("conv2d_backprop_filter", case, arrays))


@pytest.mark.parametrize(("operation", "argument"), ROLES)
@pytest.mark.parametrize("case", GENERAL_CASES + LARGE_CASES, ids=str)
def test_operation_is_linear(case, operation, argument):
    arrays = arrays_of(case)
    here = getattr(arrays, argument)
    step = distinct_integers(here.shape, seed=99)
    moved = run(operation, case, arrays._replace(**{argument: here + 3 * step}))
    np.testing.assert_array_equal(
        moved - run(operation, case, arrays), 3 * run(operation, case, arrays._replace(**{argument: step})), strict=True
    )


@pytest.mark.parametrize(("operation", "argument"), DERIVATIVES)
@pytest.mark.parametrize("case", SMALL_CASES, ids=str)
def test_difference_with_step_1_is_the_derivative(case, operation, argument):
    # The derivatives of conv2d are the gradients, and those of the gradients the second derivatives.
    arrays = arrays_of(case)
    cotangent = distinct_integers(run(operation, case, arrays).shape, seed=99)
    actual = run(DERIVATIVES[operation, argument], case, arrays._replace(**{GIVES[operation]: cotangent}))
    expected = forward_differences(
        lambda moved: inner(run(operation, case, arrays._replace(**{argument: moved})), cotangent),
        getattr(arrays, argument),
    )
    np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("case", GENERAL_CASES + LARGE_CASES, ids=str)
def test_conv2d_transpose_is_backprop_input(case):
    arrays = arrays_of(case)
    actual = conv2d_transpose(arrays.out_backprop, arrays.filters, case.input_sizes, **case.options)
    np.testing.assert_array_equal(actual, run("conv2d_backprop_input", case, arrays), strict=True)


@pytest.mark.parametrize("case", GENERAL_CASES + LARGE_CASES, ids=str)
def test_backprop_input_is_conv2d_alone(case):
    arrays = arrays_of(case)
    actual = BY_CONV2D_ALONE.conv2d_backprop_input(
        case.input_sizes, arrays.filters, arrays.out_backprop, **case.options
    )
    np.testing.assert_array_equal(actual, run("conv2d_backprop_input", case, arrays), strict=True)


@pytest.mark.parametrize("case", GENERAL_CASES + LARGE_CASES, ids=str)
def test_backprop_filter_is_conv2d_alone(case):
    arrays = arrays_of(case)
    actual = BY_CONV2D_ALONE.conv2d_backprop_filter(
        arrays.input, case.filter_sizes, arrays.out_backprop, **case.options
    )
    np.testing.assert_array_equal(actual, run("conv2d_backprop_filter", case, arrays), strict=True)


@pytest.mark.parametrize("case", GENERAL_CASES + LARGE_CASES, ids=str)
def test_conv2d_transpose_is_conv2d_alone(case):
    arrays = arrays_of(case)
    actual = BY_CONV2D_ALONE.conv2d_transpose(arrays.out_backprop, arrays.filters, case.input_sizes, **case.options)
    expected = conv2d_transpose(arrays.out_backprop, arrays.filters, case.input_sizes, **case.options)
    np.testing.assert_array_equal(actual, expected, strict=True)


@given(case=cases(max_products=20_000), seed=seeds())
def test_gradients_are_conv2d_alone_when_drawn(case, seed):
    arrays = arrays_of(case, seed)
    actual = BY_CONV2D_ALONE.conv2d_backprop_input(
        case.input_sizes, arrays.filters, arrays.out_backprop, **case.options
    )
    np.testing.assert_array_equal(actual, run("conv2d_backprop_input", case, arrays), strict=True)
    actual = BY_CONV2D_ALONE.conv2d_backprop_filter(
        arrays.input, case.filter_sizes, arrays.out_backprop, **case.options
    )
    np.testing.assert_array_equal(actual, run("conv2d_backprop_filter", case, arrays), strict=True)
