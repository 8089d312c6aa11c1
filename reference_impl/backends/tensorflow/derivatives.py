"""TensorFlow's derivatives, by its two interfaces: `tf.GradientTape` and `tf.autodiff.ForwardAccumulator`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from .. import derivatives
from ..derivatives import UNCLAIMED_AT_POINTS
from ..protocol import Capabilities, Lack
from .functions import FLOATS, FLUSHES, NO_BFLOAT16, ONEDNN_DTYPES, UNDILATED, UNGROUPED, Plain

# The gradient of either function computes both of its gradients, so all operations have the lacks of one. They have
# those of conv2d too, which is differentiated, or is a derivative.
_LACKS = tuple(
    Lack(lack.reason, lambda _, case, applies=lack.applies, of=of: applies(of, case))  # type: ignore[misc]
    for lack, of in (
        (NO_BFLOAT16, "conv2d"),
        (UNGROUPED, "conv2d_backprop_input"),
        (UNDILATED, "conv2d_backprop_input"),
    )
)
# TensorFlow traces the gradient that forward mode differentiates: for each of the first 32 shapes, then once for
# unknown shapes. Only the first are refused while tracing if they are empty.
_NO_EMPTY_FORWARD_MODE = Lack(
    "ForwardAccumulator may refuse an empty array: that depends on what it traced before (not without oneDNN)",
    lambda operation, case: case.dtype in ONEDNN_DTYPES and 0 in (case.batch, case.input_channels),
)


class Primitives(derivatives.Primitives, Plain):
    """Differentiation as TensorFlow offers it."""

    capabilities = Capabilities(flushes=FLUSHES, dtypes=FLOATS, lacks=_LACKS)

    # A derivative has no bias.

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        return super().conv2d(input, filters, **options)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return super().conv2d_transpose(input, filters, output_shape, **options)

    @staticmethod
    def filled(shape: Any, number: int, like: tf.Tensor) -> tf.Tensor:
        return tf.constant(number, like.dtype, shape)

    @staticmethod
    def vjp(function: Callable, point: tf.Tensor, cotangent: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = function(point)
        return tape.gradient(value, point, output_gradients=cotangent)

    @staticmethod
    def jvp(function: Callable, points: Any, along: Any) -> tf.Tensor:
        with tf.autodiff.ForwardAccumulator(list(points), list(along)) as accumulator:
            value = function(*points)
        return accumulator.jvp(value)

    @staticmethod
    def second(function: Callable, points: Any, cotangent: tf.Tensor, along: Any) -> list[tf.Tensor]:
        with tf.GradientTape() as outer:
            outer.watch((*points, cotangent))
            with tf.GradientTape() as tape:
                tape.watch(points)
                value = function(*points)
            gradients = tape.gradient(value, points, output_gradients=cotangent)
        return outer.gradient(gradients, (*points, cotangent), output_gradients=along)


class Tape(derivatives.ReverseMode, Primitives):
    name = "tensorflow:tape"
    at = 0


class Transposed(derivatives.Transposed, Primitives):
    name = "tensorflow:transposed"
    capabilities = replace(Primitives.capabilities, operations=("conv2d_backprop_input", "conv2d_backprop_filter"))


class ForwardMode(derivatives.ForwardMode, Primitives):
    name = "tensorflow:forward"
    capabilities = replace(
        Primitives.capabilities, lacks=(*_LACKS, _NO_EMPTY_FORWARD_MODE), share=0.05, unclaimed=UNCLAIMED_AT_POINTS
    )


class SecondOrder(derivatives.SecondOrder, Primitives):
    name = "tensorflow:second_order"
    capabilities = replace(Primitives.capabilities, share=0.25, unclaimed=UNCLAIMED_AT_POINTS)


class TransposedSecondOrder(derivatives.TransposedSecondOrder, Primitives):
    name = "tensorflow:transposed_second_order"
    capabilities = SecondOrder.capabilities
