"""TensorFlow's derivatives, of first and second order: as conv2d is bilinear, each is one of the four operations.

New derivatives are not taken at 0, where one that keeps some of the function's value, or forgets a factor, would look
right. Where the product rule gives an answer twice, the points are such that both terms show (`POINTS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf

from ..points import POINTS, UNCLAIMED
from ..protocol import Capabilities, Lack
from .functions import FLOATS, FLUSHES, ONEDNN_DTYPES, UNDILATED, UNGROUPED, Plain

# The gradient of either operation computes both of its gradients, so that the lacks of one are those of all.
_LACKS = tuple(
    Lack(lack.reason, lambda _, case, applies=lack.applies: applies("conv2d_backprop_input", case))  # type: ignore[misc]
    for lack in (UNGROUPED, UNDILATED)
)
# The gradient that forward mode differentiates it traces, for 32 shapes, then for unknown ones: only the first meet
# what refuses an empty shape while tracing.
_NO_EMPTY_FORWARD_MODE = Lack(
    "ForwardAccumulator refuses an empty array, or does not, by what it traced before (but without oneDNN)",
    lambda operation, case: case.dtype in ONEDNN_DTYPES and 0 in (case.batch, case.input_channels),
)


class Derivatives(Plain):
    """What the routes differentiate."""

    capabilities = Capabilities(flushes=FLUSHES, dtypes=FLOATS, lacks=_LACKS)

    def convolution(self, attributes: dict) -> Callable:
        return lambda images, filters: self.conv2d_function(images, filters, **attributes)

    def transposed_convolution(self, output_shape: Any, attributes: dict) -> Callable:
        return lambda images, filters: self.conv2d_transpose_function(images, filters, output_shape, **attributes)


class Tape(Derivatives):
    """Each operation as the gradient of the one that it is the adjoint of."""

    name = "tensorflow:tape"

    def _conv2d(self, attributes: dict) -> Callable:
        def function(input: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
            transposed = self.transposed_convolution(input.shape, attributes)
            return _gradient(lambda at: transposed(at, filters), _output_shape(input, filters, attributes), input)

        return function

    def _backprop_input(self, input_sizes: Any, attributes: dict) -> Callable:
        convolution = self.convolution(attributes)
        return lambda filters, cotangent: _gradient(lambda at: convolution(at, filters), input_sizes, cotangent)

    def _backprop_filter(self, filter_sizes: Any, attributes: dict) -> Callable:
        convolution = self.convolution(attributes)
        return lambda images, cotangent: _gradient(lambda at: convolution(images, at), filter_sizes, cotangent)

    def _transpose(self, output_shape: Any, attributes: dict) -> Callable:
        backprop = self._backprop_input(output_shape, attributes)
        return lambda images, filters: backprop(filters, images)


class Transposed(Derivatives):
    """The gradients by `tf.nn.conv2d_transpose`: the input's is its value, the filters' is its filters' gradient.

    Its input's gradient, conv2d, is in `Tape`.
    """

    name = "tensorflow:transposed"
    capabilities = replace(Derivatives.capabilities, operations=("conv2d_backprop_input", "conv2d_backprop_filter"))

    def _backprop_input(self, input_sizes: Any, attributes: dict) -> Callable:
        transposed = self.transposed_convolution(input_sizes, attributes)
        return lambda filters, cotangent: transposed(cotangent, filters)

    def _backprop_filter(self, filter_sizes: Any, attributes: dict) -> Callable:
        def function(input: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
            transposed = self.transposed_convolution(input.shape, attributes)
            return _gradient(lambda at: transposed(cotangent, at), filter_sizes, input, at=1)

        return function


class ForwardMode(Derivatives):
    """Forward mode, in both arguments at once: of the functions, and of their gradients by a tape."""

    name = "tensorflow:forward"
    capabilities = replace(
        Derivatives.capabilities, lacks=(*_LACKS, _NO_EMPTY_FORWARD_MODE), share=0.05, unclaimed=UNCLAIMED
    )

    def jvp(self, bilinear: Callable, *tangents: tf.Tensor) -> tf.Tensor:
        """`bilinear` of `tangents`: half its derivative along them, at `POINTS`."""
        points = [scale * tangent for scale, tangent in zip(POINTS, tangents, strict=True)]
        with tf.autodiff.ForwardAccumulator(points, list(tangents)) as accumulator:
            value = bilinear(*points)
        return accumulator.jvp(value) / 2

    def _conv2d(self, attributes: dict) -> Callable:
        return lambda images, filters: self.jvp(self.convolution(attributes), images, filters)

    def _backprop_input(self, input_sizes: Any, attributes: dict) -> Callable:
        convolution = self.convolution(attributes)

        def gradient(filters: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
            return _gradient(lambda at: convolution(at, filters), input_sizes, cotangent, at=1)

        return lambda filters, cotangent: self.jvp(gradient, filters, cotangent)

    def _backprop_filter(self, filter_sizes: Any, attributes: dict) -> Callable:
        convolution = self.convolution(attributes)

        def gradient(input: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
            return _gradient(lambda at: convolution(input, at), filter_sizes, cotangent, at=1)

        return lambda images, cotangent: self.jvp(gradient, images, cotangent)

    def _transpose(self, output_shape: Any, attributes: dict) -> Callable:
        return lambda images, filters: self.jvp(self.transposed_convolution(output_shape, attributes), images, filters)


class SecondOrder(Derivatives):
    """The derivatives of `tf.nn.conv2d`'s gradients, by a tape around their tape."""

    name = "tensorflow:second_order"
    capabilities = replace(Derivatives.capabilities, share=0.25, unclaimed=UNCLAIMED)

    def _conv2d(self, attributes: dict) -> Callable:
        def function(images: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
            shape = _output_shape(images, filters, attributes)
            return self.of_cotangent(self.convolution(attributes), shape, images, filters)

        return function

    def _backprop_input(self, input_sizes: Any, attributes: dict) -> Callable:
        def function(filters: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
            points = tf.ones(input_sizes, filters.dtype), tf.ones_like(filters)
            return _second(self.convolution(attributes), points, cotangent, (points[0], filters))[0]

        return function

    def _backprop_filter(self, filter_sizes: Any, attributes: dict) -> Callable:
        def function(input: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
            points = tf.ones_like(input), tf.ones(filter_sizes, input.dtype)
            return _second(self.convolution(attributes), points, cotangent, (input, points[1]))[1]

        return function

    def _transpose(self, output_shape: Any, attributes: dict) -> Callable:
        backprop = self._backprop_input(output_shape, attributes)
        return lambda images, filters: backprop(filters, images)

    def of_cotangent(self, bilinear: Callable, shape: Any, *along: tf.Tensor) -> tf.Tensor:
        """`bilinear` of `along`: half the derivative in the cotangent, to which both gradients are linear."""
        points = tuple(scale * direction for scale, direction in zip(POINTS, along, strict=True))
        return _second(bilinear, points, tf.ones(shape, along[0].dtype), along)[2] / 2


class TransposedSecondOrder(SecondOrder):
    """The derivatives of `tf.nn.conv2d_transpose`'s gradients, by a tape around their tape."""

    name = "tensorflow:transposed_second_order"

    def _conv2d(self, attributes: dict) -> Callable:
        def function(images: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
            points = tf.ones(_output_shape(images, filters, attributes), images.dtype), tf.ones_like(filters)
            transposed = self.transposed_convolution(images.shape, attributes)
            return _second(transposed, points, images, (points[0], filters))[0]

        return function

    def _backprop_input(self, input_sizes: Any, attributes: dict) -> Callable:
        transposed = self.transposed_convolution(input_sizes, attributes)
        return lambda filters, cotangent: self.of_cotangent(transposed, input_sizes, cotangent, filters)

    def _backprop_filter(self, filter_sizes: Any, attributes: dict) -> Callable:
        def function(input: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
            points = tf.ones_like(cotangent), tf.ones(filter_sizes, input.dtype)
            transposed = self.transposed_convolution(input.shape, attributes)
            return _second(transposed, points, input, (cotangent, points[1]))[1]

        return function


def _gradient(linear: Callable, shape: Any, cotangent: tf.Tensor, *, at: int = 0) -> tf.Tensor:
    """The VJP of a linear function, at the point of the given shape that is `at` everywhere."""
    point = tf.fill(shape, tf.cast(at, cotangent.dtype))
    with tf.GradientTape() as tape:
        tape.watch(point)
        result = linear(point)
    return tape.gradient(result, point, output_gradients=cotangent)


def _second(function: Callable, points: Any, cotangent: tf.Tensor, along: Any) -> list[tf.Tensor]:
    """The gradient of <function's two gradients, along>, in both arguments and in the cotangent."""
    with tf.GradientTape() as outer:
        outer.watch((*points, cotangent))
        with tf.GradientTape() as tape:
            tape.watch(points)
            value = function(*points)
        gradients = tape.gradient(value, points, output_gradients=cotangent)
    return outer.gradient(gradients, (*points, cotangent), output_gradients=along)


def _output_shape(input: tf.Tensor, filters: tf.Tensor, attributes: dict) -> list[int]:
    sizes = []
    for axis in (1, 2):
        stride, reach = attributes["strides"][axis], (filters.shape[axis - 1] - 1) * attributes["dilations"][axis]
        if attributes["padding"] == "SAME":
            sizes.append(-(-input.shape[axis] // stride))
        else:
            pads = 0 if attributes["padding"] == "VALID" else sum(attributes["padding"][axis])
            sizes.append((input.shape[axis] + pads - reach - 1) // stride + 1)
    return [input.shape[0], *sizes, filters.shape[3]]
