"""A backend from a function on JAX arrays: your kernel in Pallas, or a `jax.custom_vjp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...operations import OPERATIONS
from ..padding import ForwardSizes, cropped
from ..protocol import Capabilities
from .isolation import Making, making

# XLA has the processor take subnormals for zero.
_FLUSHES = ("bfloat16", "float32", "float64")


class _JaxStyle:
    """Call the function with padding in numbers. 64-bit types are on during a call, then again as JAX had them."""

    making: Making | None = None

    def __init__(
        self, function: Callable, layouts: tuple[str, str], name: str, version: str, capabilities: Capabilities
    ) -> None:
        self.function, self.name, self.version, self.capabilities = function, name, version, capabilities
        images, filters = layouts
        self.dimension_numbers = (images, filters, images)
        self._image_axes = ["NHWC".index(axis) for axis in images]
        self._filter_axes = ["HWIO".index(axis) for axis in filters]

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        with jax.enable_x64(True):
            convolution = self._convolution(input.shape, filters.shape, options)
            return self._nhwc(convolution(self._images(input), self._filters(filters)))

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with jax.enable_x64(True):
            convolution, constant = self._convolution(input_sizes, filters.shape, options), self._filters(filters)
            shape = [input_sizes[axis] for axis in self._image_axes]
            return self._nhwc(_vjp(lambda at: convolution(at, constant), shape, self._images(out_backprop)))

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with jax.enable_x64(True):
            convolution, constant = self._convolution(input.shape, filter_sizes, options), self._images(input)
            shape = [filter_sizes[axis] for axis in self._filter_axes]
            result = _vjp(lambda at: convolution(constant, at), shape, self._images(out_backprop))
            return np.asarray(result).transpose(np.argsort(self._filter_axes))

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        """By `lhs_dilation`: `input` with zeros between its elements, convolved with the filters turned around."""
        own = ForwardSizes(output_shape, filters.shape, **options)
        axes = zip(own.sizes, own.kernel, input.shape[1:3], own.strides, own.dilations, own.pads, strict=True)
        # The zeros on each side. Where their number is negative, the answer is cropped instead.
        height, width = (
            (reach - before, size + before - (count - 1) * stride - 1)
            for size, kernel, count, stride, dilation, (before, _) in axes
            for reach in [(kernel - 1) * dilation]
        )
        with jax.enable_x64(True):
            answer = self._nhwc(
                self.function(
                    self._images(input),
                    self._filters(_exchanged(filters, own.groups)),
                    (1, 1),
                    tuple((max(before, 0), max(after, 0)) for before, after in (height, width)),
                    own.strides,
                    own.dilations,
                    self.dimension_numbers,
                    own.groups,
                )
            )
        (top, bottom), (left, right) = ([max(-zeros, 0) for zeros in axis] for axis in (height, width))
        return cropped(answer, ((top, bottom), (left, right)))

    def _convolution(self, input_sizes: Any, filter_sizes: Any, options: dict[str, Any]) -> Callable:
        own = ForwardSizes(input_sizes, filter_sizes, **options)
        rest = own.strides, own.pads, (1, 1), own.dilations, self.dimension_numbers, own.groups
        return lambda images, filters: self.function(images, filters, *rest)

    def _images(self, array: np.ndarray) -> jax.Array:
        return jnp.array(array.transpose(self._image_axes))

    def _filters(self, array: np.ndarray) -> jax.Array:
        return jnp.array(array.transpose(self._filter_axes))

    def _nhwc(self, answer: jax.Array) -> np.ndarray:
        return np.asarray(answer).transpose(np.argsort(self._image_axes))


def jax_style(
    function: Callable,
    *,
    gradients: bool = True,
    layouts: tuple[str, str] = ("NHWC", "HWIO"),
    name: str = "",
    version: str = "unversioned",
    capabilities: Capabilities | None = None,
) -> _JaxStyle:
    """Return a backend that calls `function` as `jax.lax.conv_general_dilated` is called.

    Parameters
    ----------
    function : called by position with (lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation,
        dimension_numbers, feature_group_count); padding is ((top, bottom), (left, right))
    gradients : whether to check `conv2d_backprop_input` and `conv2d_backprop_filter` too, by `jax.vjp`
    layouts : the orders of axes of images and of filters, as in `dimension_numbers`: ("NCHW", "OIHW")
    name, version : shown in reports; the default name is the function's
    capabilities : what the function lacks; by default nothing, in float32 and float64. `conv2d_transpose` is asked for
        by `lhs_dilation`: for a function without it, declare the other `operations` only.

    Raises
    ------
    ValueError
        If the layouts are not an order of N, H, W, C and one of H, W, I, O.
    """
    if sorted(layouts[0]) != sorted("NHWC") or sorted(layouts[1]) != sorted("HWIO"):
        raise ValueError(f"layouts must be an order of NHWC and one of HWIO; not {layouts}")
    operations = OPERATIONS if gradients else ("conv2d", "conv2d_transpose")
    declared = capabilities or Capabilities(operations=operations, flushes=_FLUSHES)
    backend = _JaxStyle(function, layouts, name or getattr(function, "__name__", "jax_style"), version, declared)
    options: dict[str, Any] = {"gradients": gradients, "layouts": layouts, "capabilities": capabilities}
    backend.making = making("jax_style", function, name=name, version=version, **options)
    return backend


def _vjp(function: Callable, shape: Any, cotangent: jax.Array) -> jax.Array:
    """Return the gradient of a linear function, at ones: derivatives.py says why not at zeros."""
    return jax.vjp(function, jnp.ones(shape, cotangent.dtype))[1](cotangent)[0]


def _exchanged(filters: np.ndarray, groups: int) -> np.ndarray:
    """Turn the filters around, and exchange the input and output channels of each group."""
    return np.concatenate([group.swapaxes(2, 3) for group in np.split(filters[::-1, ::-1], groups, axis=3)], axis=3)
