"""JAX's derivatives, by `jax.vjp` and `jax.jvp`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from .. import derivatives
from ..derivatives import UNCLAIMED_AT_POINTS
from ..protocol import Capabilities, Lack
from .call import Function
from .functions import FLOATS, FLUSHES, NO_GROUPS, Plain

_GRADIENTS = ("conv2d_backprop_input", "conv2d_backprop_filter")


def _ungrouped(*operations: str) -> Lack:
    return Lack(NO_GROUPS, lambda operation, case: operation in operations and case.groups > 1)


class Primitives(derivatives.Primitives, Plain):
    """Differentiation as JAX offers it."""

    capabilities = Capabilities(dtypes=FLOATS, flushes=FLUSHES, share=0.02)  # each call is several compilations

    @staticmethod
    def filled(shape: Any, number: int, like: Any) -> Any:
        return jnp.full(shape, number, like.dtype)

    @staticmethod
    def vjp(function: Function, point: Any, cotangent: Any) -> Any:
        return jax.vjp(function, point)[1](cotangent)[0]

    @staticmethod
    def jvp(function: Function, points: Any, along: Any) -> Any:
        return jax.jvp(function, points, along)[1]


class Vjp(derivatives.ReverseMode, Primitives):
    name = "jax:vjp"
    capabilities = replace(Primitives.capabilities, lacks=(_ungrouped("conv2d"),))


class Transposed(derivatives.Transposed, Primitives):
    name = "jax:transposed"
    capabilities = replace(Primitives.capabilities, operations=_GRADIENTS, lacks=(_ungrouped(*_GRADIENTS),))


class ForwardMode(derivatives.ForwardMode, Primitives):
    name = "jax:forward"
    capabilities = replace(
        Primitives.capabilities, lacks=(_ungrouped("conv2d_transpose"),), unclaimed=UNCLAIMED_AT_POINTS
    )


class SecondOrder(derivatives.ReverseTwice, Primitives):
    name = "jax:second_order"
    capabilities = replace(
        Primitives.capabilities,
        unclaimed={"special_values": "moves the cotangent over padded filters: its NaN or infinity meets their zeros"},
    )
