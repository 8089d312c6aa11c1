"""A convolution as TensorFlow is asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import tensorflow as tf

from ..padding import ForwardSizes


@dataclass(frozen=True)
class TensorFlowCall:
    """A `BilinearCall` of TensorFlow. Shapes are in the order of the data format; filters are HWIO in either."""

    conv2d_function: Callable
    conv2d_transpose_function: Callable
    data_format: str
    forward: ForwardSizes

    def __post_init__(self) -> None:
        if not self.forward.are_of_4:  # an invalid call
            return
        groups, channels, filters = self.forward.groups, self.forward.input_sizes[-1], self.filter_sizes[2]
        if filters and isinstance(filters, Integral) and groups != channels // filters:
            raise ValueError(
                "groups must be input channels / filters' channels, for which TensorFlow takes it: "
                f"{groups} is not {channels} / {filters}"
            )

    @property
    def attributes(self) -> dict[str, Any]:
        """The options in TensorFlow's words: an element for each axis, and padding that has no word as numbers."""
        own = self.forward
        has_word = own.padding in ("SAME", "VALID") or own.has_unknown_word
        return {
            "strides": self._ordered([1, *own.strides, 1]),
            "padding": own.padding if has_word else self._ordered([[0, 0], *map(list, own.pads), [0, 0]]),
            "dilations": self._ordered([1, *own.dilations, 1]),
            "data_format": self.data_format,
        }

    @property
    def raw_attributes(self) -> dict[str, Any]:
        """The attributes for the raw operations, which take padding in two parts."""
        attributes = self.attributes
        if isinstance(attributes["padding"], str):
            return attributes
        pads = [pad for axis in attributes["padding"] for pad in axis]
        return {**attributes, "padding": "EXPLICIT", "explicit_paddings": pads}

    def convolution(self, images: tf.Tensor, filters: tf.Tensor, *bias: tf.Tensor) -> tf.Tensor:
        return self.with_bias(self.conv2d_function(images, filters, **self.attributes), *bias)

    def transposed(self, cotangent: tf.Tensor, filters: tf.Tensor, *bias: tf.Tensor) -> tf.Tensor:
        value = self.conv2d_transpose_function(cotangent, filters, as_tensor(self.input_sizes), **self.attributes)
        return self.with_bias(value, *bias)

    def with_bias(self, value: tf.Tensor, *bias: tf.Tensor) -> tf.Tensor:
        """Add a bias, if there is one, to each channel."""
        return tf.nn.bias_add(value, *bias, data_format=self.data_format) if bias else value

    @property
    def input_sizes(self) -> list[int]:
        return self._ordered(self.forward.input_sizes)

    @property
    def filter_sizes(self) -> Any:
        return self.forward.filter_sizes

    @property
    def output_shape(self) -> list[int]:
        return self._ordered(self.forward.output_shape)

    def _ordered(self, axes: Any) -> list:
        """Values for N, H, W and C, in the order of the data format."""
        if np.ndim(axes) == 0 or len(axes) != 4:
            return axes
        return [axes["NHWC".index(letter)] for letter in self.data_format]


def as_tensor(sizes: Any) -> tf.Tensor:
    """Return sizes as a tensor. Operations take a list too, but then need nearly twice the time."""
    return tf.constant(sizes, tf.int32)
