"""JAX's own functions: eagerly, compiled as a whole, and in NCHW.

The import of this module switches 64-bit types on (`jax_enable_x64`) for the whole process. Without them, JAX rounds
float64 to float32.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..padding import ForwardSizes
from ..protocol import Capabilities, Lack
from .call import Function, JaxCall

jax.config.update("jax_enable_x64", True)

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8")
# Measured. XLA has the processor take subnormals for zero; it computes float16 in float32, where they are normal.
# https://github.com/openxla/xla/blob/c827fcd65e895cc571df4add6cd88be760483103/xla/pjrt/cpu/cpu_client.cc
FLUSHES = ("bfloat16", "float32", "float64")

NO_GROUPS = "jax.lax.conv_transpose takes no groups"
_COMPOSED = {
    "conv2d_backprop_input": "conv_general_dilated with lhs_dilation",
    "conv2d_backprop_filter": "conv_general_dilated with batch_group_count",
}


class Plain:
    """`jax.lax.conv_general_dilated`, also for the gradients, and `jax.lax.conv_transpose`.

    Eagerly: XLA then compiles each primitive by itself, for every shape.
    """

    name = "jax"
    version = jax.__version__
    capabilities = Capabilities(
        dtypes=FLOATS + INTEGERS,
        flushes=FLUSHES,
        lacks=(Lack(NO_GROUPS, lambda operation, case: operation == "conv2d_transpose" and case.groups > 1),),
        composed=lambda operation, case: _COMPOSED.get(operation),
        share=0.05,
    )
    layouts: ClassVar[tuple[str, str]] = ("NHWC", "HWIO")  # of images, of filters
    # These are called and differentiated; a test puts a wrong one in.
    conv_function: ClassVar[Function] = staticmethod(lax.conv_general_dilated)
    conv_transpose_function: ClassVar[Function] = staticmethod(lax.conv_transpose)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        call = self._call(input.shape, filters.shape, options)
        return self._nhwc(self._run(self.forward, call, self._images(input), self._filters(filters)))

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call, cotangent = self._call(input_sizes, filters.shape, options), self._images(out_backprop)
        call.check_cotangent(cotangent.shape)
        return self._nhwc(self._run(self.backprop_input, call, self._filters(filters), cotangent))

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        call, cotangent = self._call(input.shape, filter_sizes, options), self._images(out_backprop)
        call.check_cotangent(cotangent.shape)
        result = self._run(self.backprop_filter, call, self._images(input), cotangent)
        return np.asarray(result).transpose(_moved(self.layouts[1], "HWIO"))

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        call, cotangent = self._call(output_shape, filters.shape, options), self._images(input)
        call.check_cotangent(cotangent.shape)
        return self._nhwc(self._run(self.transpose, call, cotangent, self._filters(filters)))

    # Routes replace these. Arrays are in the route's layouts.

    def forward(self, call: JaxCall, images: Any, filters: Any) -> Any:
        return call.convolution(images, filters)

    def backprop_input(self, call: JaxCall, filters: Any, cotangent: Any) -> Any:
        return call.input_gradient(filters, cotangent)

    def backprop_filter(self, call: JaxCall, images: Any, cotangent: Any) -> Any:
        return call.filter_gradient(images, cotangent)

    def transpose(self, call: JaxCall, cotangent: Any, filters: Any) -> Any:
        return call.transposed(cotangent, filters)

    def _run(self, operation: Function, call: JaxCall, *arrays: Any) -> Any:
        return operation(call, *arrays)

    def _call(self, input_sizes: Any, filter_sizes: Any, options: dict[str, Any]) -> JaxCall:
        forward = ForwardSizes(input_sizes, filter_sizes, **options)
        return JaxCall(self.conv_function, self.conv_transpose_function, self.layouts, forward)

    def _images(self, array: np.ndarray) -> Any:
        return jnp.asarray(array.transpose(_moved("NHWC", self.layouts[0])))

    def _filters(self, array: np.ndarray) -> Any:
        return jnp.asarray(array.transpose(_moved("HWIO", self.layouts[1])))

    def _nhwc(self, array: Any) -> np.ndarray:
        return np.asarray(array).transpose(_moved(self.layouts[0], "NHWC"))


class Jit(Plain):
    """Each operation compiled as a whole, anew for every call."""

    name = "jax:jit"
    capabilities = replace(Plain.capabilities, share=0.02)

    def _run(self, operation: Function, call: JaxCall, *arrays: Any) -> Any:
        return jax.jit(partial(operation, call))(*arrays)


class ChannelsFirst(Plain):
    """On NCHW and OIHW: the adapter transposes the arrays, and the answer back."""

    name = "jax:nchw"
    capabilities = replace(Plain.capabilities, share=0.02)
    layouts = ("NCHW", "OIHW")


def _moved(layout: str, to: str) -> list[int]:
    """Return the axes of `layout`, in the order of `to`."""
    return [layout.index(axis) for axis in to]
