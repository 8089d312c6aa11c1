"""JAX's derivatives, of first and second order: as conv2d is bilinear, each is one of the four operations.

They are not taken at 0, where one that keeps some of the function's value would look right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from ..points import POINTS, UNCLAIMED
from ..protocol import Capabilities, Lack
from .call import Function, JaxCall
from .functions import FLOATS, FLUSHES, NO_GROUPS, Plain

_CAPABILITIES = Capabilities(dtypes=FLOATS, flushes=FLUSHES, share=0.02)  # each call is several compilations


def _ungrouped(*operations: str) -> Lack:
    return Lack(NO_GROUPS, lambda operation, case: operation in operations and case.groups > 1)


class Vjp(Plain):
    """Reverse mode: each operation as the gradient of the one that it is the adjoint of."""

    name = "jax:vjp"
    capabilities = replace(_CAPABILITIES, lacks=(_ungrouped("conv2d"),))

    def forward(self, call: JaxCall) -> Function:
        def value(images: Any, filters: Any) -> Any:
            return _gradient(lambda at: call.transposed(at, filters), call.output_shape, images)

        return value

    def backprop_input(self, call: JaxCall) -> Function:
        def gradient(filters: Any, cotangent: Any) -> Any:
            return _gradient(lambda at: call.convolution(at, filters), call.input_sizes, cotangent)

        return gradient

    def backprop_filter(self, call: JaxCall) -> Function:
        def gradient(images: Any, cotangent: Any) -> Any:
            return _gradient(lambda at: call.convolution(images, at), call.filter_sizes, cotangent)

        return gradient

    def transpose(self, call: JaxCall) -> Function:
        return self.backprop_input(call)


class Transposed(Vjp):
    """The gradients by `conv_transpose`: the input's is its value, the filters' is its filters' gradient.

    Its input's gradient, conv2d, is in `Vjp`.
    """

    name = "jax:transposed"
    _OPERATIONS = ("conv2d_backprop_input", "conv2d_backprop_filter")
    capabilities = replace(_CAPABILITIES, operations=_OPERATIONS, lacks=(_ungrouped(*_OPERATIONS),))

    def backprop_input(self, call: JaxCall) -> Function:
        return lambda filters, cotangent: call.transposed(cotangent, filters)

    def backprop_filter(self, call: JaxCall) -> Function:
        def gradient(images: Any, cotangent: Any) -> Any:
            return _gradient(lambda at: call.transposed(cotangent, at), call.filter_sizes, images)

        return gradient


class ForwardMode(Vjp):
    """Forward mode, in both arguments at once: of the functions, and of their gradients by reverse mode."""

    name = "jax:forward"
    capabilities = replace(_CAPABILITIES, lacks=(_ungrouped("conv2d_transpose"),), unclaimed=UNCLAIMED)

    def forward(self, call: JaxCall) -> Function:
        return call.convolution

    def transpose(self, call: JaxCall) -> Function:
        return lambda filters, cotangent: call.transposed(cotangent, filters)

    def _run(self, function: Function, *arrays: Any) -> Any:
        """`function` of `arrays`: half its derivative along them, at `POINTS`."""
        points = tuple(scale * array for scale, array in zip(POINTS, arrays, strict=True))
        return jax.jvp(function, points, arrays)[1] / 2


class SecondOrder(Vjp):
    """Reverse mode of reverse mode: of the input's gradient, in the cotangent and the filters; of the filters', in
    the input."""

    name = "jax:second_order"
    capabilities = replace(
        _CAPABILITIES,
        unclaimed={"special_values": "moves the cotangent over padded filters: its NaN or infinity meets their zeros"},
    )

    def forward(self, call: JaxCall) -> Function:
        gradient = super().backprop_input(call)

        def value(images: Any, filters: Any) -> Any:
            return _gradient(lambda at: gradient(filters, at), call.output_shape, images)

        return value

    def backprop_input(self, call: JaxCall) -> Function:
        gradient = super().backprop_filter(call)

        def of_filters(filters: Any, cotangent: Any) -> Any:
            return _gradient(lambda at: gradient(at, cotangent), call.input_sizes, filters)

        return of_filters

    def backprop_filter(self, call: JaxCall) -> Function:
        gradient = super().backprop_input(call)

        def of_images(images: Any, cotangent: Any) -> Any:
            return _gradient(lambda at: gradient(at, cotangent), call.filter_sizes, images)

        return of_images


def _gradient(linear: Function, shape: Any, cotangent: Any) -> Any:
    """The VJP of a linear function of an array of this shape, at ones."""
    return jax.vjp(linear, jnp.ones(shape, cotangent.dtype))[1](cotangent)[0]
