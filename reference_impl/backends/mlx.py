"""MLX on the CPU: its convolutions, and their gradients by `mx.vjp`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from typing import Any, ClassVar

import mlx.core as mx
import numpy as np

from .padding import ForwardSizes, cropped
from .protocol import Capabilities, Lack

_UNGROUPED = Lack(
    "mx.conv_transpose2d: only the default groups=1 is currently supported",
    lambda operation, case: operation == "conv2d_transpose" and case.groups > 1,
)
# Our axes in MLX's order: filters are OHWI, of the convolution that is called.
_FORWARD, _TRANSPOSED = (3, 0, 1, 2), (2, 0, 1, 3)


def _composed(operation: str, case: Any) -> str | None:
    forward = ForwardSizes(case.input_sizes, case.filter_sizes, **case.options)
    if operation == "conv2d_transpose" and min(forward.output_padding) < 0:
        return "the padded output, cropped"
    return None


class Plain:
    """`mx.conv_general`, which takes any padding in numbers, and `mx.conv_transpose2d`, with one number for both sides.

    float64 is left out: `mx.conv_general` computes it in float32, or refuses it (docs/findings/mlx.md).
    """

    name = "mlx"
    version = metadata.version("mlx")
    capabilities = Capabilities(dtypes=("float16", "bfloat16", "float32"), lacks=(_UNGROUPED,), composed=_composed)
    # These are called and differentiated; a test puts a wrong one in.
    conv_function: ClassVar[Callable] = staticmethod(mx.conv_general)
    conv_transpose_function: ClassVar[Callable] = staticmethod(mx.conv_transpose2d)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input.shape, filters.shape, **options)
        return _numpy(convolution(_mlx(input), _mlx(filters, _FORWARD)), input.dtype)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input_sizes, filters.shape, **options)
        kernel, cotangent = _mlx(filters, _FORWARD), _mlx(out_backprop)
        return _numpy(_vjp(lambda at: convolution(at, kernel), input_sizes, cotangent), filters.dtype)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input.shape, filter_sizes, **options)
        images, cotangent = _mlx(input), _mlx(out_backprop)
        sizes = [filter_sizes[axis] for axis in _FORWARD]
        answer = _vjp(lambda at: convolution(images, at), sizes, cotangent)
        return _numpy(answer, input.dtype).transpose(np.argsort(_FORWARD))

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(output_shape, filters.shape, **options)
        forward.check_transposed(input.shape)  # MLX is never told the output's shape
        (top, _), (left, _) = forward.pads
        longer = forward.output_padding
        crop = min(longer) < 0
        how = {"output_padding": forward.windows[1]} if crop else {"padding": (top, left), "output_padding": longer}
        answer = self.conv_transpose_function(
            _mlx(input), _mlx(filters, _TRANSPOSED), stride=forward.strides, dilation=forward.dilations, **how
        )
        return _numpy(cropped(answer, forward.pads) if crop else answer, input.dtype)

    def _convolution(self, input_sizes: Any, filter_sizes: Any, **options: Any) -> Callable:
        forward = ForwardSizes(input_sizes, filter_sizes, **options)
        before_and_after = tuple(map(list, zip(*forward.pads, strict=True)))
        return lambda images, filters: self.conv_function(
            images,
            filters,
            stride=forward.strides,
            padding=before_and_after,
            kernel_dilation=forward.dilations,
            groups=forward.groups,
        )


def _vjp(function: Callable, shape: Any, cotangent: mx.array) -> mx.array:
    """Return the gradient of a linear function, at ones: derivatives.py says why not at zeros."""
    _, (gradient,) = mx.vjp(function, [mx.ones(shape, cotangent.dtype)], [cotangent])
    return gradient


def _mlx(array: np.ndarray, axes: tuple[int, ...] = (0, 1, 2, 3)) -> mx.array:
    # A copy, as mx.array takes no negative strides: not even those of one element, which NumPy calls contiguous.
    moved = array.transpose(axes).copy()
    return mx.array(moved.view(np.uint16)).view(mx.bfloat16) if moved.dtype.name == "bfloat16" else mx.array(moved)


def _numpy(array: mx.array, dtype: np.dtype) -> np.ndarray:
    if array.dtype == mx.bfloat16:
        return np.array(array.view(mx.uint16)).view(dtype)
    return np.array(array)


ROUTES = {"": Plain}
