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
from ..derivatives import ReverseMode
from ..padding import ForwardSizes, Pads, cropped
from ..protocol import Capabilities, Lack
from .engines import FLOATS, engine

_UNGROUPED = Lack(
    "keras.ops.conv_transpose takes no groups",
    lambda operation, case: operation == "conv2d_transpose" and case.groups > 1,
)
_NO_INTEGER_GRADIENT = Lack(
    "no backend of Keras has gradients of integers",
    lambda operation, case: operation.startswith("conv2d_backprop") and case.dtype not in FLOATS,
)
_COMPOSED = {
    "conv2d": "keras.ops.pad, then valid",
    "conv2d_backprop_input": "the padded input's gradient, cropped",
    "conv2d_backprop_filter": "keras.ops.pad, then valid",
    "conv2d_transpose": "the padded output, cropped",
}
ENGINE = engine(keras.backend.backend())


class Plain(ReverseMode):
    """`keras.ops.conv`, its gradients by the engine below Keras, and `keras.ops.conv_transpose`."""

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
    # These are called and differentiated; a test puts a wrong one in.
    conv_function: ClassVar[Callable] = staticmethod(keras.ops.conv)
    conv_transpose_function: ClassVar[Callable] = staticmethod(keras.ops.conv_transpose)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        call = self._call(input.shape, filters.shape, options)
        return _array(call.convolution(call.pad(_tensor(input)), _tensor(filters)))

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call = self._call(input_sizes, filters.shape, options)
        return call.crop(_array(self.backprop_input(call, _tensor(filters), _tensor(out_backprop))))

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call = self._call(input.shape, filter_sizes, options)
        return _array(self.backprop_filter(call, call.pad(_tensor(input)), _tensor(out_backprop)))

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        call = self._call(output_shape, filters.shape, options)
        call.forward.check_transposed(input.shape)  # Keras is never told the output's shape
        return call.crop(_array(call.transposed(_tensor(input), _tensor(filters))))

    @staticmethod
    def filled(shape: Any, number: int, like: Any) -> Any:
        return keras.ops.full(shape, number, like.dtype)

    @staticmethod
    def vjp(function: Callable, point: Any, cotangent: Any) -> Any:
        assert ENGINE.vjp is not None
        return ENGINE.vjp(function, point, cotangent)

    def _call(self, input_sizes: Any, filter_sizes: Any, options: dict[str, Any]) -> KerasCall:
        """Pad with zeros first where the padding is neither SAME nor VALID."""
        forward = ForwardSizes(input_sizes, filter_sizes, **options)
        if forward.groups * filter_sizes[2] != input_sizes[3]:
            raise ValueError(
                "groups must be input channels / filters' channels, for which Keras takes it: "
                f"{forward.groups} * {filter_sizes[2]} is not {input_sizes[3]}"
            )
        around = ((0, 0), (0, 0)) if forward.padding in ("SAME", "VALID") else forward.pads
        if min(min(axis) for axis in around) < 0:
            raise ValueError(f"padding must be at least 0, not {around}")
        if forward.padding not in ("SAME", "VALID"):
            height, width = (size + sum(axis) for size, axis in zip(forward.sizes, around, strict=True))
            padded = (input_sizes[0], height, width, input_sizes[3])
            forward = replace(forward, input_sizes=padded, padding="VALID")
        return KerasCall(self.conv_function, self.conv_transpose_function, forward, around)


@dataclass(frozen=True)
class KerasCall:
    """A `BilinearCall` of Keras: SAME or VALID, on an input with the zeros `around` it that the adapter adds."""

    conv_function: Callable
    conv_transpose_function: Callable
    forward: ForwardSizes
    around: Pads

    def convolution(self, images: Any, filters: Any) -> Any:
        return self.conv_function(images, filters, **self.options)

    def transposed(self, cotangent: Any, filters: Any) -> Any:
        return self.conv_transpose_function(cotangent, filters, output_padding=self.output_padding, **self.options)

    @property
    def input_sizes(self) -> Any:
        return self.forward.input_sizes

    @property
    def filter_sizes(self) -> Any:
        return self.forward.filter_sizes

    @property
    def output_shape(self) -> Any:
        return self.forward.output_shape

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
        """None where Keras itself chooses the size that is asked for."""
        own, same = self.forward, self.forward.padding == "SAME"
        numbers, chosen = [], []
        for size, taps, stride, dilation, count, unread in zip(
            own.sizes, own.kernel, own.strides, own.dilations, *own.windows, strict=True
        ):
            extent = (taps - 1) * dilation + 1
            # With "same", Keras counts from the last bit of the extent: compute_conv_transpose_output_shape.
            numbers.append(size - (count - 1) * stride - extent % 2 if same else unread)
            chosen.append(size == count * stride if same else unread == max(stride - extent, 0))
        return None if all(chosen) else tuple(numbers)

    def pad(self, images: Any) -> Any:
        return keras.ops.pad(images, ((0, 0), *self.around, (0, 0))) if np.any(self.around) else images

    def crop(self, padded: np.ndarray) -> np.ndarray:
        return cropped(padded, self.around)


def _tensor(array: np.ndarray) -> Any:
    # By default, Keras takes float64 for its default dtype, float32. A copy, as torch takes no negative strides.
    return keras.ops.convert_to_tensor(np.array(array, order="C"), dtype=array.dtype.name)


def _array(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)
