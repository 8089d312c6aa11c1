"""Worked example B: a convolution layer as a series of articles tells it, right and wrong."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf
from worked_pages import run_page

from examples.convnet.layers import Relu, Tanh, cross_entropy, softmax
from examples.worked import convolution_layer as layer
from examples.worked.numeric import agrees, numeric_gradient
from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input

TRIPLES = list(itertools.product(range(1, 16), range(1, 8), range(1, 6)))  # size, kernel, stride
FITTING = [(size, kernel, stride) for size, kernel, stride in TRIPLES if kernel <= size]


def tensorflow_conv2d(column, taps, stride, padding):
    column, taps = np.reshape(column, (1, -1, 1, 1)), np.reshape(taps, (-1, 1, 1, 1))
    return tf.nn.conv2d(column, taps, [1, stride, 1, 1], padding).numpy().ravel()


def integers(*shapes, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(-99, 100, shape) for shape in shapes]


def backprop_input(sizes, kernel, out_backprop, stride):
    arrays = kernel[:, :, None, None], out_backprop[None, :, :, None]
    return conv2d_backprop_input((1, *sizes, 1), *arrays, strides=stride)[0, :, :, 0]


def backprop_filter(image, sizes, out_backprop, stride):
    images, errors = image[None, :, :, None], out_backprop[None, :, :, None]
    return conv2d_backprop_filter(images, (*sizes, 1, 1), errors, strides=stride)[:, :, 0, 0]


def test_valid_size_is_tensorflows():
    assert len(TRIPLES) == 525
    for size, kernel, stride in FITTING:
        output = tensorflow_conv2d(np.ones(size), np.ones(kernel), stride, "VALID")
        assert len(output) == layer.valid_size(size, kernel, stride)


def test_valid_size_is_none_where_the_kernel_does_not_fit():
    assert all((layer.valid_size(*triple) > 0) == (triple in FITTING) for triple in TRIPLES)


def test_same_size_and_padding_are_tensorflows():
    for size, kernel, stride in TRIPLES:
        column, taps = np.arange(1.0, size + 1), 16.0 ** np.arange(kernel)  # each tap met the pixel of its digit
        output = tensorflow_conv2d(column, taps, stride, "SAME")
        zeros = layer.split(layer.same_total(size, kernel, stride))
        np.testing.assert_array_equal(output, tensorflow_conv2d(np.pad(column, zeros), taps, stride, "VALID"))
        assert len(output) == layer.same_size(size, stride)


def test_windows_do_not_fit_where_the_stride_divides_the_size():
    wrong = [
        (size, kernel, stride)
        for size, kernel, stride in FITTING
        if layer.windows_fit_as_told(size, stride) and not layer.windows_fit(size, kernel, stride)
    ]
    assert len(wrong) == 74
    assert (6, 3, 2) in wrong


@pytest.mark.parametrize(("size", "kernel", "stride"), [(6, 3, 2), (7, 3, 2), (8, 3, 1), (9, 2, 3)])
def test_windows_fit_where_every_pixel_has_a_gradient(size, kernel, stride):
    count = layer.valid_size(size, kernel, stride)
    read = backprop_input((size, size), np.ones((kernel, kernel)), np.ones((count, count)), stride)
    assert (read[-1] > 0).any() == layer.windows_fit(size, kernel, stride)


def test_maximum_along_axis_0_clamps_nothing():
    totals = {triple: layer.same_total_as_told(*triple) for triple in TRIPLES}
    assert totals[4, 1, 2] == -1
    raising = []
    for size, kernel, stride in TRIPLES:
        image, taps = np.ones((size, size)), np.ones((kernel, kernel))
        try:
            layer.pad(image, taps, (stride, stride), total=layer.same_total_as_told)
        except ValueError:
            raising.append((size, kernel, stride))
    assert len(raising) == 73
    assert raising == [triple for triple in TRIPLES if totals[triple] < 0]


@pytest.mark.parametrize(
    ("kernel", "strides"), [((3, 3), (1, 1)), ((3, 5), (1, 1)), ((3, 1), (1, 1)), ((3, 3), (1, 2))]
)
def test_same_convolution_is_padded_rightly(kernel, strides):
    image, taps = integers((6, 8), kernel)
    expected = layer.correlate(image, taps, strides, "SAME")
    np.testing.assert_array_equal(layer.same_conv2d(image, taps, strides), expected)


@pytest.mark.parametrize("kernel", [(3, 1), (1, 3)], ids=str)
def test_offsets_of_the_other_axis_raise_for_a_kernel_of_one_row_or_column(kernel):
    image, taps = integers((6, 8), kernel)
    with pytest.raises(ValueError, match="broadcast"):
        layer.same_conv2d(image, taps, (1, 1), axes_swapped=True)


@pytest.mark.parametrize(("kernel", "strides"), [((3, 5), (1, 1)), ((3, 3), (1, 2))], ids=str)
def test_offsets_of_the_other_axis_give_a_wrong_output(kernel, strides):
    image, taps = integers((6, 8), kernel)
    told = layer.same_conv2d(image, taps, strides, axes_swapped=True)
    expected = layer.correlate(image, taps, strides, "SAME")
    assert told.shape == expected.shape
    assert (told != expected).any()


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "told_rightly"), [(7, 3, 2, True), (5, 4, 1, True), (6, 3, 2, False), (9, 2, 3, False)]
)
def test_input_gradient_has_zeros_left_over_at_the_bottom_and_right(size, kernel, stride, told_rightly):
    count = layer.valid_size(size, kernel, stride)
    taps, error = integers((kernel, kernel), (count, count))
    expected = backprop_input((size, size), taps, error, stride)
    np.testing.assert_array_equal(layer.backprop_input((size, size), taps, error, stride), expected)
    told = layer.backprop_input((size, size), taps, error, stride, unread=1)
    assert (told == expected).all() == told_rightly == layer.windows_fit(size, kernel, stride)


def test_pixels_that_no_window_reads_have_gradient_0():
    taps, error = integers((3, 3), (2, 2))
    gradient = backprop_input((6, 6), taps, error, 2)
    told = layer.backprop_input((6, 6), taps, error, 2, unread=1)
    assert gradient[5].tolist() == gradient[:, 5].tolist() == [0] * 6
    assert told[5].tolist() == told[:, 5].tolist() == [1] * 6
    np.testing.assert_array_equal(told[:5, :5], gradient[:5, :5])


def test_filter_gradient_as_told_is_right_at_stride_1():
    image, error = integers((5, 5), (3, 3))
    told = layer.backprop_filter_as_told(image, (3, 3), error)
    np.testing.assert_array_equal(told, backprop_filter(image, (3, 3), error, 1))


def test_filter_gradient_as_told_is_wrong_at_stride_2():
    random = np.random.default_rng(0)
    image, error = random.standard_normal((5, 5)), random.standard_normal((2, 2))
    told = layer.backprop_filter_as_told(image, (3, 3), error)
    assert f"{np.abs(told - backprop_filter(image, (3, 3), error, 2)).max():.1f}" == "3.7"


def test_input_gradient_is_the_sum_over_kernels():
    filters, error = integers((3, 3, 1, 4), (1, 5, 5, 4))
    gradient = conv2d_backprop_input((1, 7, 7, 1), filters, error)
    each = [conv2d_backprop_input((1, 7, 7, 1), filters[..., [o]], error[..., [o]]) for o in range(4)]
    np.testing.assert_array_equal(gradient, sum(each))
    # <conv2d(input), error> is linear in the input, so a step of 1 is exact.
    unit = np.zeros((1, 7, 7, 1), int)
    unit[0, 2, 3, 0] = 1
    assert np.vdot(conv2d(unit, filters), error) == gradient[0, 2, 3, 0] != gradient[0, 2, 3, 0] / 4


@pytest.mark.parametrize(
    ("sizes", "summed_over"), [((4,), (0, 1, 2)), ((5, 5, 4), (0,))], ids=["one-per-filter", "one-per-position"]
)
def test_bias_gradient_is_the_error_summed_over_all_that_shares_it(sizes, summed_over):
    images, filters, error = integers((2, 7, 7, 1), (3, 3, 1, 4), (2, 5, 5, 4))
    output = conv2d(images, filters)
    gradient = np.zeros(sizes)
    for index in np.ndindex(sizes):
        bias = np.zeros(sizes)
        bias[index] = 1
        gradient[index] = np.vdot(output + bias, error) - np.vdot(output, error)
    np.testing.assert_array_equal(gradient, error.sum(axis=summed_over))


@pytest.mark.parametrize(("previous", "told_rightly"), [(Tanh(), True), (Relu(), False)], ids=["tanh", "relu"])
def test_derivative_of_ones_own_activation_is_right_after_a_layer_with_the_same(previous, told_rightly):
    # A layer with tanh, which multiplies the error of its input by tanh's derivative there.
    sums, error = np.array([[-2.0, -0.5, 0.25, 1.0]]), np.array([[1.0, 2.0, 3.0, 4.0]])
    input = previous.forward(sums)
    assert (error * (1 - input**2) == previous.backward(error)).all() == told_rightly


def test_softmax_derivative_is_right():
    scores = np.array([0.5, -1.0, 2.0, 0.0])
    derivative = layer.softmax_derivative(softmax(scores[None])[0])
    for row in range(4):
        numeric = numeric_gradient(lambda moved, row=row: softmax(moved[None])[0, row], scores)
        assert agrees(derivative[row], numeric)


def test_cross_entropy_derivative_is_right_when_fed_a_softmax():
    scores, labels = np.array([0.5, -1.0, 2.0, 0.0]), np.array([0, 0, 1, 0])
    shares = softmax(scores[None])[0]
    loss, by_shares = layer.cross_entropy(shares, labels)
    assert agrees(by_shares, numeric_gradient(lambda moved: layer.cross_entropy(moved, labels)[0], shares))
    both, by_scores = cross_entropy(scores[None], np.array([2]))
    assert both == loss
    assert agrees(layer.softmax_derivative(shares) @ by_shares, by_scores[0])
    assert agrees(by_scores[0], numeric_gradient(lambda moved: cross_entropy(moved[None], np.array([2]))[0], scores))


def test_guarded_cross_entropy_changes_exact_zeros_alone():
    shares, labels = np.array([0.0, 1e-300, 0.25, 0.75]), np.array([0, 0, 1, 0])
    loss, by_shares = layer.cross_entropy_as_told(shares, labels)
    assert shares.tolist() == [1e-12, 1e-300, 0.25, 0.75]
    assert loss == -np.log(0.25)
    assert by_shares.tolist() == [0, 0, -4, 0]


def test_guarded_cross_entropy_leaves_a_softmax_without_zeros():
    scores, labels = np.array([0.5, -1.0, 2.0, 0.0]), np.array([0, 0, 1, 0])
    shares = softmax(scores[None])[0]
    told = layer.cross_entropy_as_told(given := shares.copy(), labels)
    assert given.tolist() == shares.tolist()
    np.testing.assert_array_equal(told[1], layer.cross_entropy(shares, labels)[1])


@pytest.mark.parametrize(("share", "told_rightly"), [(0.0, True), (1e-300, True), (1e-310, False)])
def test_guarded_cross_entropy_fails_for_a_share_that_is_tiny_but_not_0(share, told_rightly):
    shares, labels = np.array([0.25, share, 0.75]), np.array([0, 1, 0])
    expected = shares - labels
    with np.errstate(all="ignore"):
        _, by_shares = layer.cross_entropy_as_told(shares, labels)
        assert agrees(layer.softmax_derivative(shares) @ by_shares, expected) == told_rightly
        _, unguarded = layer.cross_entropy(np.array([0.25, share, 0.75]), labels)
    assert np.isfinite(unguarded).all() == (share == 1e-300)


def test_page_runs():
    run_page("convolution-layer")
