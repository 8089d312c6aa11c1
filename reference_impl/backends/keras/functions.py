"""Keras, on the backend that KERAS_BACKEND names: tensorflow, torch, jax, numpy or openvino.

Keras reads that variable once, when it is imported: a process has one of them, and the version tells which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import keras
import numpy as np

from ...operations import OPERATIONS
from ..padding import ForwardSizes, Pads
from ..protocol import Capabilities, Lack
from .engines import FLOATS, engine

_UNGROUPED = Lack(
    "keras.ops.conv_transpose takes no groups",
    lambda operation, case: operation == "conv2d_transpose" and case.groups > 1,
)
_NO_INTEGER_GRADIENT = Lack(
    "no engine of Keras's has gradients of integers",
    lambda operation, case: operation.startswith("conv2d_backprop") and case.dtype not in FLOATS,
)
_COMPOSED = {
    "conv2d": "keras.ops.pad, then valid",
    "conv2d_backprop_input": "the padded input's gradient, cropped",
    "conv2d_backprop_filter": "keras.ops.pad, then valid",
    "conv2d_transpose": "the padded output, cropped",
}
ENGINE = engine(keras.backend.backend())


class Plain:
    """`keras.ops.conv`, its gradients by what differentiates below Keras, and `keras.ops.conv_transpose`."""

    name = "keras"
    version = f"{keras.__version__}+{ENGINE.name}"
    facts: ClassVar = {"engine": ENGINE.name, **ENGINE.facts}  # for known_failures/
    capabilities = Capabilities(
        operations=OPERATIONS if ENGINE.vjp else ("conv2d", "conv2d_transpose"),
        dtypes=ENGINE.dtypes,
        lacks=(_UNGROUPED, _NO_INTEGER_GRADIENT, *ENGINE.lacks),
        flushes=ENGINE.flushes,
        composed=lambda operation, case: None if case.padding in ("SAME", "VALID") else _COMPOSED[operation],
        share=ENGINE.share,
    )
    # What is called and differentiated; a test puts a wrong one in.
    conv_function: ClassVar[Callable] = staticmethod(keras.ops.conv)
    conv_transpose_function: ClassVar[Callable] = staticmethod(keras.ops.conv_transpose)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        call = KerasCall.of(input.shape, filters.shape, **options)
        return _array(self._convolution(call)(call.pad(_tensor(input)), _tensor(filters)))

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call = KerasCall.of(input_sizes, filters.shape, **options)
        convolution, kernel = self._convolution(call), _tensor(filters)
        padded = self._vjp(lambda at: convolution(at, kernel), call.padded(input_sizes), _tensor(out_backprop))
        return call.crop(_array(padded))

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call = KerasCall.of(input.shape, filter_sizes, **options)
        convolution, images = self._convolution(call), call.pad(_tensor(input))
        return _array(self._vjp(lambda at: convolution(images, at), filter_sizes, _tensor(out_backprop)))

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        call = KerasCall.of(output_shape, filters.shape, **options)
        call.forward.check_transposed(input.shape, filters.shape, output_shape)  # Keras is never told of it
        answer = self.conv_transpose_function(
            _tensor(input), _tensor(filters), output_padding=call.output_padding, **call.options
        )
        return call.crop(_array(answer))

    def _convolution(self, call: KerasCall) -> Callable:
        return lambda images, filters: self.conv_function(images, filters, **call.options)

    def _vjp(self, function: Callable, shape: Any, cotangent: Any) -> Any:
        assert ENGINE.vjp is not None
        return ENGINE.vjp(function, keras.ops.ones(shape, cotangent.dtype), cotangent)


@dataclass(frozen=True)
class KerasCall:
    """What Keras is asked, SAME or VALID; the zeros `around` the input are left to us."""

    forward: ForwardSizes
    around: Pads = ((0, 0), (0, 0))

    @classmethod
    def of(cls, input_sizes: Any, filter_sizes: Any, **options: Any) -> KerasCall:
        forward = ForwardSizes(tuple(input_sizes[1:3]), tuple(filter_sizes[:2]), **options)
        if forward.groups * filter_sizes[2] != input_sizes[3]:
            raise ValueError(
                "groups must be input channels / filters' channels, for which Keras takes it: "
                f"{forward.groups} * {filter_sizes[2]} is not {input_sizes[3]}"
            )
        if forward.padding in ("SAME", "VALID"):
            return cls(forward)
        around = forward.pads
        if min(min(axis) for axis in around) < 0:
            raise ValueError(f"padding must be at least 0, not {around}")
        height, width = (size + sum(axis) for size, axis in zip(forward.sizes, around, strict=True))
        return cls(replace(forward, sizes=(height, width), padding="VALID"), around)

    @property
    def options(self) -> dict[str, Any]:
        own = self.forward
        return {
            "strides": own.strides,
            "padding": own.padding.lower(),
            "dilation_rate": own.dilations,
            "data_format": "channels_last",
        }

    @property
    def output_padding(self) -> tuple[int, ...] | None:
        """None where the size that Keras chooses is the one that is asked for."""
        own, same = self.forward, self.forward.padding == "SAME"
        numbers, chosen = [], []
        for size, taps, stride, dilation, count, unread in zip(
            own.sizes, own.kernel, own.strides, own.dilations, *own.windows, strict=True
        ):
            extent = (taps - 1) * dilation + 1
            # With "same", Keras counts from the extent's last bit: compute_conv_transpose_output_shape.
            numbers.append(size - (count - 1) * stride - extent % 2 if same else unread)
            chosen.append(size == count * stride if same else unread == max(stride - extent, 0))
        return None if all(chosen) else tuple(numbers)

    def pad(self, images: Any) -> Any:
        return keras.ops.pad(images, ((0, 0), *self.around, (0, 0))) if np.any(self.around) else images

    def padded(self, input_sizes: Any) -> tuple[int, ...]:
        return input_sizes[0], *self.forward.sizes, input_sizes[3]

    def crop(self, padded: np.ndarray) -> np.ndarray:
        (top, bottom), (left, right) = self.around
        return padded[:, top : padded.shape[1] - bottom, left : padded.shape[2] - right]


def _tensor(array: np.ndarray) -> Any:
    # Left to itself, Keras takes float64 for its default dtype, float32. Torch takes no negative strides.
    return keras.ops.convert_to_tensor(np.array(array, order="C"), dtype=array.dtype.name)


def _array(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


ROUTES = {"": Plain}
