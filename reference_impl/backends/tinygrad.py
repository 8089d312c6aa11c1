"""tinygrad on its CPU device: its convolutions, and their gradients by `Tensor.gradient`. Clang compiles every shape.

https://docs.tinygrad.org/tensor/ops/#tinygrad.Tensor.conv2d
https://docs.tinygrad.org/tensor/ops/#tinygrad.Tensor.conv_transpose2d
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from importlib import metadata
from typing import Any, ClassVar

import numpy as np
from tinygrad import Tensor

from .padding import ForwardSizes
from .protocol import Capabilities, Lack

_COMPILER = os.environ.get("CC", "clang")  # as in tinygrad
if shutil.which(_COMPILER) is None:
    raise ImportError(f"tinygrad's CPU device compiles with clang, or what CC names: {_COMPILER!r} is not on the PATH")

# Our axes in tinygrad's order: NCHW, and OIHW, of the convolution that is called or transposed.
_IMAGES, _FILTERS = (0, 3, 1, 2), (3, 2, 0, 1)
# bfloat16 is left out: on x86-64, clang 14 does not compile the C that tinygrad writes for it, in __bf16.
_FLOATS, _INTEGERS = ("float16", "float32", "float64"), ("int32", "int64")
_NO_INTEGER_GRADIENT = Lack(
    "only float Tensors have gradient",
    lambda operation, case: operation.startswith("conv2d_backprop") and case.dtype in _INTEGERS,
)


class Plain:
    """`Tensor.conv2d` and `Tensor.conv_transpose2d`, both of which take any padding in numbers."""

    name = "tinygrad"
    version = metadata.version("tinygrad")
    capabilities = Capabilities(dtypes=(*_FLOATS, *_INTEGERS), lacks=(_NO_INTEGER_GRADIENT,), share=0.02)
    # These are called and differentiated; a test puts a wrong one in.
    conv_function: ClassVar[Callable] = staticmethod(Tensor.conv2d)
    conv_transpose_function: ClassVar[Callable] = staticmethod(Tensor.conv_transpose2d)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input.shape, filters.shape, **options)
        return _numpy(convolution(_tensor(input, _IMAGES), _tensor(filters, _FILTERS)), _IMAGES)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input_sizes, filters.shape, **options)
        at, kernel = _tensor(_ones(input_sizes, filters), _IMAGES), _tensor(filters, _FILTERS)
        (answer,) = convolution(at, kernel).gradient(at, gradient=_tensor(out_backprop, _IMAGES))
        return _numpy(answer, _IMAGES)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input.shape, filter_sizes, **options)
        images, at = _tensor(input, _IMAGES), _tensor(_ones(filter_sizes, input), _FILTERS)
        (answer,) = convolution(images, at).gradient(at, gradient=_tensor(out_backprop, _IMAGES))
        return _numpy(answer, _FILTERS)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(output_shape, filters.shape, **options)
        forward.check_transposed(input.shape)  # tinygrad is never told the output's shape
        answer = self.conv_transpose_function(
            _tensor(input, _IMAGES), _tensor(filters, _FILTERS), output_padding=forward.windows[1], **_options(forward)
        )
        return _numpy(answer, _IMAGES)

    def _convolution(self, input_sizes: Any, filter_sizes: Any, **options: Any) -> Callable:
        how = _options(ForwardSizes(input_sizes, filter_sizes, **options))
        return lambda images, filters: self.conv_function(images, filters, **how)


def _options(forward: ForwardSizes) -> dict[str, Any]:
    height, width = forward.pads
    return {
        "stride": forward.strides,
        "dilation": forward.dilations,
        "groups": forward.groups,
        "padding": (*width, *height),
    }


def _ones(sizes: Any, like: np.ndarray) -> np.ndarray:
    """Return the point at which to differentiate: derivatives.py says why not zeros."""
    return np.ones(sizes, like.dtype)


def _tensor(array: np.ndarray, axes: tuple[int, ...]) -> Tensor:
    return Tensor(np.ascontiguousarray(array.transpose(axes)), device="CPU")


def _numpy(tensor: Tensor, axes: tuple[int, ...]) -> np.ndarray:
    return tensor.numpy().transpose(np.argsort(axes))


ROUTES = {"": Plain}
