"""Faults planted in one derivative of TensorFlow fail the routes that take it, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from planted import failing_routes

from reference_impl.backends.tensorflow import ROUTES
from reference_impl.backends.tensorflow.functions import ONEDNN_DTYPES
from reference_impl.cases.case import Case

# Without oneDNN, gradients take no groups.
CASE = Case.parse("n2_h8w9c4_k3x2o6_s2x3_g2_SAME" if ONEDNN_DTYPES else "n2_h8w9c4_k3x2o6_s2x3_SAME")


def custom(value, backward):
    """A bilinear function with a gradient of its own, `backward`; forward mode still goes through `value`."""

    @tf.custom_gradient
    def function(first, second):
        return value(first, second), lambda cotangent: backward(first, second, cotangent)

    return function


class Conv2d:
    """`tf.nn.conv2d` with its derivatives written out. Each subclass gets one of them wrong."""

    replaces = "conv2d_function"

    def __init__(self, images, filters, **options):
        self.shapes, self.options = (images.shape, filters.shape), options

    def value(self, images, filters):
        return tf.nn.conv2d(images, filters, **self.options)

    def by_images(self, filters, cotangent):
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=self.shapes[0], filter=filters, out_backprop=cotangent, **self.options
        )

    def by_filters(self, images, cotangent):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=images, filter_sizes=self.shapes[1], out_backprop=cotangent, **self.options
        )

    def backward(self, images, filters, cotangent):
        return self.by_images(filters, cotangent), self.by_filters(images, cotangent)

    @classmethod
    def planted(cls, images, filters, *sizes, **options):
        own = cls(images, filters, *sizes, **options)
        return custom(own.value, own.backward)(images, filters)


class Conv2dTranspose(Conv2d):
    """`tf.nn.conv2d_transpose` likewise."""

    replaces = "conv2d_transpose_function"

    def __init__(self, images, filters, output_shape, **options):
        super().__init__(images, filters, **options)
        self.output_shape = output_shape

    def value(self, images, filters):
        return tf.nn.conv2d_transpose(images, filters, self.output_shape, **self.options)

    def by_images(self, filters, cotangent):
        return tf.nn.conv2d(cotangent, filters, **self.options)

    def by_filters(self, images, cotangent):
        return tf.raw_ops.Conv2DBackpropFilter(
            input=cotangent, filter_sizes=self.shapes[1], out_backprop=images, **self.options
        )


class JvpForgetsTheFilters(Conv2d):
    def value(self, images, filters):
        return super().value(images, tf.stop_gradient(filters))


class JvpOfGradientForgetsTheCotangent(Conv2d):
    def by_filters(self, images, cotangent):
        def backward(images, cotangent, along):
            return self.by_images(along, cotangent), self.value(images, along)

        gradient = super().by_filters
        return custom(lambda images, cotangent: gradient(images, tf.stop_gradient(cotangent)), backward)(
            images, cotangent
        )


class GradientAddsThePoint(Conv2d):
    def backward(self, images, filters, cotangent):
        return self.by_images(filters, cotangent) + images, self.by_filters(images, cotangent)


class SecondDerivativeIsZero(Conv2d):
    def by_images(self, filters, cotangent):
        def backward(filters, cotangent, along):
            return tf.zeros_like(filters), self.value(along, filters)

        return custom(super().by_images, backward)(filters, cotangent)


class SecondDerivativeForgetsTheStride(Conv2d):
    def by_filters(self, images, cotangent):
        def backward(images, cotangent, along):
            dense = tf.nn.conv2d(images, along, **{**self.options, "strides": 1})
            return self.by_images(along, cotangent), dense[:, : cotangent.shape[1], : cotangent.shape[2]]

        return custom(super().by_filters, backward)(images, cotangent)


class GradientIsRightAtFirstOrderOnly(Conv2d):
    def backward(self, images, filters, cotangent):
        return tuple(map(tf.stop_gradient, super().backward(images, filters, cotangent)))


class TransposedJvpForgetsTheImages(Conv2dTranspose):
    def value(self, images, filters):
        return super().value(tf.stop_gradient(images), filters)


class TransposedGradientFlipsTheFilters(Conv2dTranspose):
    def by_filters(self, images, cotangent):
        return super().by_filters(images, cotangent)[::-1, ::-1]


class TransposedSecondDerivativeIsZero(Conv2dTranspose):
    def by_images(self, filters, cotangent):
        def backward(filters, cotangent, along):
            return tf.zeros_like(filters), self.value(along, filters)

        return custom(super().by_images, backward)(filters, cotangent)


@pytest.mark.parametrize("right", [Conv2d, Conv2dTranspose])
def test_routes_pass_derivatives_that_are_right(right):
    assert failing_routes(ROUTES, CASE, **{right.replaces: right.planted}) == set()


@pytest.mark.parametrize(
    ("planted", "routes"),
    [
        (JvpForgetsTheFilters, {"forward"}),
        (JvpOfGradientForgetsTheCotangent, {"forward"}),
        (TransposedJvpForgetsTheImages, {"forward"}),
        (GradientAddsThePoint, {"second_order"}),
        (SecondDerivativeIsZero, {"second_order"}),
        (SecondDerivativeForgetsTheStride, {"second_order"}),
        (GradientIsRightAtFirstOrderOnly, {"forward", "second_order"}),
        (TransposedGradientFlipsTheFilters, {"transposed", "transposed_second_order"}),
        (TransposedSecondDerivativeIsZero, {"transposed_second_order"}),
    ],
)
def test_planted_fault_fails_the_routes_that_take_it(planted, routes):
    assert failing_routes(ROUTES, CASE, **{planted.replaces: planted.planted}) == routes


def test_function_route_traces_each_call_without_a_warning(monkeypatch, caplog):
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    for size in range(4, 14):
        images, filters = np.ones((1, size, 5, 2), np.float32), np.ones((3, 2, 2, 4), np.float32)
        ROUTES["function"]().conv2d(images, filters, strides=(1, 1), padding="VALID", dilations=(1, 1), groups=1)
    assert "retracing" not in caplog.text
