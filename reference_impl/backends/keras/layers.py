"""Keras's layers: each call makes one with a bias of zeros, as is its default, and the filters as its kernel.

`Layer.stateless_call` takes the weights as arguments, so that they can be differentiated by any engine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import keras

from ..padding import ForwardSizes
from ..protocol import Lack
from .engines import FLOATS
from .functions import ENGINE, KerasCall, Plain

_FLOATS = tuple(dtype for dtype in ENGINE.dtypes if dtype in FLOATS)
_STRIDED_AND_DILATED = Lack(
    "`strides > 1` not supported in conjunction with `dilation_rate > 1` (Keras's layers)",
    lambda operation, case: max(case.strides) > 1 and max(case.dilations) > 1,
)


def _pads_a_stride(operation: str, case: Any) -> bool:
    if operation != "conv2d_transpose" or case.padding != "SAME":
        return False
    forward = ForwardSizes(case.input_sizes, case.filter_sizes, **case.options)
    longer = KerasCall(_conv, _conv_transpose, forward, ((0, 0), (0, 0))).output_padding
    return longer is not None and any(more >= step for more, step in zip(longer, case.strides, strict=True))


_SHORT_OUTPUT_PADDING = Lack(
    "`output_padding` must be strictly less than `strides` (Keras's layers; keras.ops.conv_transpose takes more)",
    _pads_a_stride,
)


def _conv(images: Any, filters: Any, **options: Any) -> Any:
    height, width, channels, outputs = filters.shape
    groups = images.shape[3] // channels if channels else 1
    layer = keras.layers.Conv2D(outputs, (height, width), groups=groups, dtype=_dtype(images), **options)
    return _called(layer, images, filters, outputs)


def _conv_transpose(images: Any, filters: Any, **options: Any) -> Any:
    height, width, outputs, _ = filters.shape
    layer = keras.layers.Conv2DTranspose(outputs, (height, width), dtype=_dtype(images), **options)
    return _called(layer, images, filters, outputs)


def _depthwise_conv(images: Any, filters: Any, **options: Any) -> Any:
    (height, width, _, outputs), channels = filters.shape, images.shape[3]
    multiplier = outputs // channels
    layer = keras.layers.DepthwiseConv2D((height, width), depth_multiplier=multiplier, dtype=_dtype(images), **options)
    by_channel = keras.ops.reshape(filters, (height, width, channels, multiplier))
    return _called(layer, images, by_channel, outputs)


def _called(layer: keras.layers.Layer, images: Any, filters: Any, outputs: int) -> Any:
    layer.build(images.shape)
    return layer.stateless_call([filters, keras.ops.zeros(outputs, filters.dtype)], [], images)[0]


def _dtype(images: Any) -> str:
    return keras.backend.standardize_dtype(images.dtype)


_EQUAL_STRIDES = Lack(
    "Current implementation only supports equal length strides in the row and column dimensions (except oneDNN's)",
    lambda operation, case: (
        ENGINE.name == "tensorflow"
        and case.strides[0] != case.strides[1]
        and case.dtype not in ENGINE.facts["onednn_dtypes"]
    ),
)


class Layers(Plain):
    """`keras.layers.Conv2D` and `Conv2DTranspose`."""

    name = "keras:layers"
    capabilities = replace(
        Plain.capabilities,
        dtypes=_FLOATS,
        lacks=(_STRIDED_AND_DILATED, _SHORT_OUTPUT_PADDING, *Plain.capabilities.lacks),
        share=ENGINE.share / 4,
    )
    conv_function: ClassVar[Callable] = staticmethod(_conv)
    conv_transpose_function: ClassVar[Callable] = staticmethod(_conv_transpose)


class Depthwise(Plain):
    """`keras.layers.DepthwiseConv2D`."""

    name = "keras:depthwise"
    capabilities = replace(
        Layers.capabilities,
        operations=("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter") if ENGINE.vjp else ("conv2d",),
        lacks=(
            Lack(
                "depthwise only: each input channel must be a group",
                lambda operation, case: case.groups != case.input_channels,
            ),
            _EQUAL_STRIDES,
            *Layers.capabilities.lacks,
        ),
    )
    conv_function: ClassVar[Callable] = staticmethod(_depthwise_conv)
