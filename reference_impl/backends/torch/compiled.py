"""PyTorch compiled by `torch.compile`: its compiler, inductor, writes C++ around the convolution.

Padding and cropping are compiled with the convolution. Each new shape compiles for seconds, so these routes run only
where they are named (NAMED in __init__.py).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch

from ..protocol import Lack
from .call import Mode, TorchCall, composed_by, transposed, word
from .derivatives import Primitives
from .functions import NO_EMPTY_IMAGE, nhwc, oihw_as_hwio

_NO_COMPILER = Lack(
    "torch.compile needs a C++ compiler: install g++, or name another in the variable CXX",
    lambda operation, case: shutil.which(os.environ.get("CXX", "g++")) is None,
)


class Compiled(Primitives):
    """Both functions compiled for the shape of each call, and their gradients, which are compiled with them."""

    name = "torch:compile"
    modes: ClassVar[dict[str, Mode]] = {**dict.fromkeys(Primitives.modes, word), "conv2d_transpose": transposed}
    capabilities = replace(
        Primitives.capabilities,
        lacks=(NO_EMPTY_IMAGE, _NO_COMPILER),
        composed=composed_by(modes),
        share=0.01,
        unclaimed={"two_threads": "forgets what is compiled for the whole process, as torch keeps few shapes"},
    )
    facts: ClassVar[dict[str, Any]] = {**Primitives.facts, "compiled": True}  # for known_failures/
    compiler = "inductor"
    dynamic = False
    on_one_thread = None  # for another number of threads, torch compiles again

    def __init__(self) -> None:
        self._kept: tuple[str, Callable] = ("", torch.clone)

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        with self._calling("conv2d", input.shape, filters.shape, options) as call:
            images = self._nchw(input)
            return nhwc(self._compiled(call, _convolution, images)(images, self._oihw(filters)), input.dtype)

    def conv2d_backprop_input(self, input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with self._calling("conv2d_backprop_input", input_sizes, filters.shape, options) as call:
            taps = self._oihw(filters)
            images = taps.new_ones([input_sizes[axis] for axis in (0, 3, 1, 2)])
            return nhwc(self._gradients(call, images, taps, self._nchw(out_backprop))[0], filters.dtype)

    def conv2d_backprop_filter(self, input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> np.ndarray:
        with self._calling("conv2d_backprop_filter", input.shape, filter_sizes, options) as call:
            images = self._nchw(input)
            taps = images.new_ones(call.filter_sizes)
            return oihw_as_hwio(self._gradients(call, images, taps, self._nchw(out_backprop))[1], input.dtype)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        with self._calling("conv2d_transpose", output_shape, filters.shape, options) as call:
            call.forward.check_transposed(input.shape)  # torch is never told the output's shape
            images = self._nchw(input)
            return nhwc(self._compiled(call, _transposed, images)(images, self._oihw(filters)), input.dtype)

    def _gradients(
        self, call: TorchCall, images: torch.Tensor, filters: torch.Tensor, cotangent: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        points = images.requires_grad_(), filters.requires_grad_()
        return torch.autograd.grad(self._compiled(call, _convolution, images)(*points), points, cotangent)

    def _compiled(self, call: TorchCall, made: Callable, images: torch.Tensor) -> Callable:
        """Return the compiled function of a call. It is kept until another is asked for."""
        key = f"{made.__name__} {call} {tuple(images.shape)} {images.dtype}"
        if self._kept[0] != key:
            torch._dynamo.reset()
            compiled = torch.compile(made(call), backend=self.compiler, fullgraph=True, dynamic=self.dynamic)
            self._kept = key, compiled
        return self._kept[1]


class Dynamic(Compiled):
    """Compiled for shapes that are not known: for larger images first, then called on those of the case."""

    name = "torch:compile_dynamic"
    dynamic = True

    def _compiled(self, call: TorchCall, made: Callable, images: torch.Tensor) -> Callable:
        compiled = super()._compiled(call, made, images)

        def after_larger(images: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
            batch, channels, height, width = images.shape
            larger = images.new_ones(batch + 1, channels, height + 3, width + 2)
            value = compiled(larger.requires_grad_(images.requires_grad), filters)
            if value.requires_grad:
                torch.autograd.grad(value, (larger, filters), torch.ones_like(value))
            return compiled(images, filters)

        return after_larger


def _convolution(call: TorchCall) -> Callable:
    return lambda images, filters: call.convolution(call.pad(images), filters)


def _transposed(call: TorchCall) -> Callable:
    return lambda images, filters: call.crop(call.transposed(images, filters))
