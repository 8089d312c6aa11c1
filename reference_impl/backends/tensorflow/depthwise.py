"""TensorFlow's depthwise convolution: each input channel is a group. It has kernels and rules of its own."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ..protocol import Capabilities, Lack
from .call import TensorFlowCall, as_tensor
from .functions import FLOATS, FLUSHES, NO_BFLOAT16, Plain, runs_onednn

_DEPTHWISE_ONLY = Lack(
    "depthwise only: each input channel must be a group",
    lambda operation, case: case.groups != case.input_channels,
)
_NO_DILATED_STEPS = Lack(
    "if dilations are greater than 1, then all strides must be 1 (tf.nn.depthwise_conv2d)",
    lambda operation, case: max(case.strides) > 1 and max(case.dilations) > 1,
)
_EQUAL_STRIDES = Lack(
    "Current implementation only supports equal length strides in the row and column dimensions (except oneDNN's)",
    lambda operation, case: case.strides[0] != case.strides[1] and not runs_onednn(operation, case),
)


class Depthwise(Plain):
    """`tf.nn.depthwise_conv2d` and its gradients by name. It takes filters (kh, kw, channels, multiplier)."""

    name = "tensorflow:depthwise"
    capabilities = Capabilities(
        operations=("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter"),
        flushes=FLUSHES,
        dtypes=FLOATS,
        lacks=(NO_BFLOAT16, _DEPTHWISE_ONLY, _NO_DILATED_STEPS, _EQUAL_STRIDES),
    )

    def forward(self, call: TensorFlowCall, images: Any, filters: Any, *bias: Any) -> tf.Tensor:
        return call.with_bias(
            tf.nn.depthwise_conv2d(images, tf.reshape(filters, _by_channel(call)), **_options(call)), *bias
        )

    def backprop_input(self, call: TensorFlowCall, filters: Any, cotangent: Any) -> tf.Tensor:
        return tf.nn.depthwise_conv2d_backprop_input(
            as_tensor(call.input_sizes), tf.reshape(filters, _by_channel(call)), cotangent, **call.attributes
        )

    def backprop_filter(self, call: TensorFlowCall, images: Any, cotangent: Any) -> tf.Tensor:
        gradient = tf.nn.depthwise_conv2d_backprop_filter(
            images, as_tensor(_by_channel(call)), cotangent, **call.attributes
        )
        return tf.reshape(gradient, call.filter_sizes)


def _by_channel(call: TensorFlowCall) -> list[int]:
    height, width, _, outputs = call.filter_sizes
    channels = call.forward.input_sizes[3]
    return [height, width, channels, outputs // channels]


def _options(call: TensorFlowCall) -> dict[str, Any]:
    """The attributes as depthwise_conv2d takes them: dilations of height and width alone."""
    return {**call.attributes, "dilations": list(call.forward.dilations)}
