"""Autograd (HIPS): `autograd.scipy.signal.convolve`, and its gradients, which are rules of Autograd's own.

https://github.com/HIPS/autograd/blob/master/autograd/scipy/signal.py
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import metadata
from typing import Any, ClassVar

import autograd.numpy as anp
import numpy as np
from autograd import make_vjp
from autograd.scipy import signal

from .padding import ForwardSizes, cropped
from .protocol import NO_STEPS_NOR_GROUPS, Capabilities, Lack

# "same" is the centre of "full", with the odd zero before.
_MODES = {"VALID": "valid", "FULL": "full", "SAME_LOWER": "same"}
# The axes that are convolved, and those that are summed: (of images, of filters).
_SPATIAL, _CHANNELS = ([1, 2], [0, 1]), ([3], [2])

_MOST_PRODUCTS = 300_000_000


def _composed(operation: str, case: Any) -> str | None:
    if operation == "conv2d_transpose":
        return None if case.padding == "VALID" else "full, then cropped"
    return None if case.padding in _MODES else "np.pad, then valid"


def _sums_many(operation: str, case: Any) -> bool:
    """Return True if "full" may sum too many products: it may slide the images over the padded kernel."""
    products = math.prod(case.output_shape) * math.prod(case.input_sizes[1:])
    return operation in ("conv2d_backprop_input", "conv2d_transpose") and products > _MOST_PRODUCTS


class Plain:
    """The adapter flips the filters, as Autograd's convolution flips them again."""

    name = "autograd"
    version = metadata.version("autograd")
    capabilities = Capabilities(
        dtypes=("int32", "int64", "float32", "float64"),
        lacks=(
            *NO_STEPS_NOR_GROUPS,
            Lack(f"pads the larger array, so may sum more than {_MOST_PRODUCTS} products: too long a wait", _sums_many),
            Lack(
                "takes derivatives of floats only",
                lambda operation, case: operation.startswith("conv2d_backprop") and case.dtype.startswith("int"),
            ),
        ),
        composed=_composed,
        unclaimed={
            "refuses_invalid_calls": "is given only two arrays and a mode, which do not show most invalid calls"
        },
    )
    # This is called and differentiated; a test puts a wrong one in.
    convolve_function: ClassVar[Callable] = staticmethod(signal.convolve)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        return self._convolution(input.shape, filters.shape, options)(input, filters)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input_sizes, filters.shape, options)
        return _vjp(lambda at: convolution(at, filters), input_sizes, out_backprop)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        convolution = self._convolution(input.shape, filter_sizes, options)
        return _vjp(lambda at: convolution(input, at), filter_sizes, out_backprop)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        forward = ForwardSizes(output_shape, filters.shape, **options)
        forward.check_transposed(input.shape)  # autograd is never told the output's shape
        return cropped(self._convolved(input, filters.transpose(0, 1, 3, 2), "full"), forward.pads)

    def _convolution(self, input_sizes: Any, filter_sizes: Any, options: dict[str, Any]) -> Callable:
        forward = ForwardSizes(input_sizes, filter_sizes, **options)
        mode = _MODES.get(forward.padding)
        around = ((0, 0), *forward.pads, (0, 0))

        def convolution(images: Any, filters: Any) -> Any:
            padded = images if mode else anp.pad(images, around, "constant")
            return self._convolved(padded, filters[::-1, ::-1], mode or "valid")

        return convolution

    def _convolved(self, images: Any, filters: Any, mode: str) -> Any:
        """Return NHWC. Autograd's order is images, output channels, height, width."""
        answer = self.convolve_function(images, filters, axes=_SPATIAL, dot_axes=_CHANNELS, mode=mode)
        return anp.transpose(answer, (0, 2, 3, 1))


def _vjp(function: Callable, shape: Any, cotangent: np.ndarray) -> np.ndarray:
    """Return the gradient of a linear function, at ones: derivatives.py says why not at zeros."""
    vjp, _ = make_vjp(function)(np.ones(shape, cotangent.dtype))
    return vjp(cotangent)


ROUTES = {"": Plain}
