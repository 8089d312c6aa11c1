"""Worked example D: conv2d and its three relatives, and the claims of a question-and-answer thread."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tensorflow as tf
from integer_arrays import arrays_of
from worked_pages import run_page

from examples.worked.four_functions import (
    LIBRARIES,
    filter_gradient_in_short,
    filter_gradients,
    input_gradient_in_short,
    input_gradients,
    transpose_in_short,
)
from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input, conv2d_transpose
from reference_impl.cases.case import Case

CASES = ("n1_h7w7c1_k3x3o1", "n2_h8w11c2_k3x2o4_s3x2_SAME", "n2_h9w7c3_k4x2o5_s2x3")
DILATED = "n3_h5w6c2_k2x4o3_d2x1_SAME"  # not for TensorFlow, whose gradients know no dilation on a CPU
LIBRARY_CASES = [*product(LIBRARIES, CASES), ("reference", DILATED), ("torch", DILATED)]


def drawn(*shapes):
    """Digits, 0 to 9."""
    random = np.random.default_rng(0)
    return [random.integers(0, 10, shape) for shape in shapes]


def off_by(actual, expected):
    assert actual.shape == expected.shape
    return np.abs(actual - expected).max()


@pytest.mark.parametrize("way", ["autodiff", "conv2d alone", "conv2d_backprop_input", "conv2d_transpose"])
@pytest.mark.parametrize(("library", "spec"), LIBRARY_CASES)
def test_input_gradient_is_the_same_in_four_ways(library, spec, way):
    case = Case.parse(spec)
    _, filters, out_backprop = (array.astype(float) for array in arrays_of(case))
    actual = input_gradients(library)[way](case.input_sizes, filters, out_backprop, **case.options)
    expected = conv2d_backprop_input(case.input_sizes, filters, out_backprop, **case.options)
    np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("way", ["autodiff", "conv2d alone", "conv2d_backprop_filter"])
@pytest.mark.parametrize(("library", "spec"), LIBRARY_CASES)
def test_filter_gradient_is_the_same_in_three_ways(library, spec, way):
    case = Case.parse(spec)
    input, _, out_backprop = (array.astype(float) for array in arrays_of(case))
    actual = filter_gradients(library)[way](input, case.filter_sizes, out_backprop, **case.options)
    expected = conv2d_backprop_filter(input, case.filter_sizes, out_backprop, **case.options)
    np.testing.assert_array_equal(actual, expected, strict=True)


@pytest.mark.parametrize("kernel", [3, 4], ids=["odd", "even"])
def test_short_formulas_hold_for_one_channel_at_stride_1(kernel):
    sizes, count = (1, 7, 7, 1), 8 - kernel
    input, filters, out_backprop = drawn(sizes, (kernel, kernel, 1, 1), (1, count, count, 1))
    by_input = conv2d_backprop_input(sizes, filters, out_backprop)
    by_filters = conv2d_backprop_filter(input, filters.shape, out_backprop)
    assert off_by(input_gradient_in_short(filters, out_backprop), by_input) == 0
    assert off_by(filter_gradient_in_short(input, out_backprop), by_filters) == 0


def test_short_input_gradient_holds_for_a_batch():
    filters, out_backprop = drawn((3, 2, 1, 1), (2, 5, 6, 1))
    expected = conv2d_backprop_input((2, 7, 7, 1), filters, out_backprop)
    assert off_by(input_gradient_in_short(filters, out_backprop), expected) == 0


@pytest.mark.parametrize(
    ("shapes", "strides", "expected"),
    [
        pytest.param([(1, 7, 7, 1), (3, 3, 1, 1), (1, 3, 3, 1)], 2, 121, id="stride-2"),
        pytest.param([(2, 5, 5, 2), (3, 3, 2, 4), (2, 3, 3, 4)], 1, 148, id="two-images-and-channels"),
    ],
)
def test_short_filter_gradient_is_wrong_with_the_right_shape(shapes, strides, expected):
    input, filters, out_backprop = drawn(*shapes)
    right = conv2d_backprop_filter(input, filters.shape, out_backprop, strides=strides)
    assert off_by(filter_gradient_in_short(input, out_backprop, strides), right) == expected


def test_transpose_is_conv2d_for_28x28_images_and_32_filters_of_7x7():
    image, filters = (array.astype(float) for array in drawn((1, 28, 28, 1), (7, 7, 1, 32)))
    activation = tf.nn.conv2d(image, filters, 1, "SAME")
    transposed = tf.nn.conv2d_transpose(activation, filters, image.shape, 1, "SAME")
    gradient = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=image.shape, filter=filters, out_backprop=activation, strides=[1, 1, 1, 1], padding="SAME"
    )
    flipped = tf.reverse(tf.transpose(filters, (0, 1, 3, 2)), (0, 1))
    plain = tf.nn.conv2d(activation, flipped, 1, "SAME")
    expected = conv2d_transpose(activation.numpy(), filters, image.shape, padding="SAME")
    for actual in (transposed, gradient, plain, transpose_in_short(activation.numpy(), filters)):
        np.testing.assert_array_equal(actual, expected)


def test_transpose_is_not_conv2d_for_an_even_kernel():
    random = np.random.default_rng(0)
    image, filters = random.random((1, 28, 28, 1)), random.standard_normal((4, 4, 1, 32)) * 0.1
    activation = conv2d(image, filters, padding="SAME")
    right = conv2d_transpose(activation, filters, image.shape, padding="SAME")
    assert f"{off_by(transpose_in_short(activation, filters), right):.1f}" == "4.2"


def test_transpose_is_not_conv2d_at_stride_2():
    image, filters = drawn((1, 28, 28, 1), (7, 7, 1, 32))
    activation = conv2d(image, filters, strides=2, padding="SAME")
    assert conv2d_transpose(activation, filters, image.shape, strides=2, padding="SAME").shape == (1, 28, 28, 1)
    assert transpose_in_short(activation, filters, 2).shape == (1, 7, 7, 1)


def test_printed_names_are_gone_from_tensorflow_2():
    input, filters = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1))
    for name in ("conv2d_backprop_input", "conv2d_backprop_filter"):
        assert not hasattr(tf.nn, name)
        assert hasattr(tf.compat.v1.nn, name)
    with pytest.raises(TypeError, match="filter"):
        tf.nn.conv2d(input, filter=filters, strides=1, padding="VALID")
    with pytest.raises(TypeError, match="value"):
        tf.nn.conv2d_transpose(value=input, filters=filters, output_shape=(1, 4, 4, 1), strides=1, padding="VALID")
    with pytest.raises(RuntimeError, match="GradientTape"):
        tf.gradients(tf.constant(1.0), tf.constant(1.0))


def test_page_runs():
    run_page("four-functions")
