"""PyTorch's derivatives, by three of its interfaces: `torch.autograd.grad`, `torch.func` and `forward_ad`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch.autograd import forward_ad

from .. import derivatives
from ..derivatives import UNCLAIMED_AT_POINTS, BilinearCall
from ..protocol import Capabilities
from .call import Mode, composed_by, transposed, word
from .functions import FLOATS, FLUSHES, NO_EMPTY_IMAGE, Plain


class Primitives(derivatives.Primitives, Plain):
    """Differentiation as torch offers it."""

    modes: ClassVar[dict[str, Mode]] = dict.fromkeys(Plain.modes, word)
    capabilities = Capabilities(flushes=FLUSHES, dtypes=FLOATS, lacks=(NO_EMPTY_IMAGE,), composed=composed_by(modes))

    # A derivative has no bias.

    def conv2d(self, input: Any, filters: Any, **options: Any) -> np.ndarray:
        return super().conv2d(input, filters, **options)

    def conv2d_transpose(self, input: Any, filters: Any, output_shape: Any, **options: Any) -> np.ndarray:
        return super().conv2d_transpose(input, filters, output_shape, **options)

    @staticmethod
    def filled(shape: Any, number: int, like: torch.Tensor) -> torch.Tensor:
        return torch.full(tuple(shape), number, dtype=like.dtype, device=like.device)

    @staticmethod
    def vjp(function: Callable, point: torch.Tensor, cotangent: torch.Tensor) -> torch.Tensor:
        point = point.detach().requires_grad_()
        return torch.autograd.grad(function(point), point, cotangent)[0]

    @staticmethod
    def jvp(function: Callable, points: Any, along: Any) -> torch.Tensor:
        with forward_ad.dual_level():
            value = function(*map(forward_ad.make_dual, points, along))
            return forward_ad.unpack_dual(value).tangent

    @staticmethod
    def second(function: Callable, points: Any, cotangent: Any, along: Any) -> tuple[torch.Tensor, ...]:
        points = tuple(point.detach().requires_grad_() for point in points)
        cotangent = cotangent.detach().requires_grad_()
        gradients = torch.autograd.grad(function(*points), points, cotangent, create_graph=True)
        # With an empty batch, torch leaves gradients undefined: they mean zero.
        return torch.autograd.grad(gradients, (*points, cotangent), along, materialize_grads=True)


_ONE_LEVEL = {"two_threads": "torch has one level of forward mode for all threads"}


class Autograd(derivatives.ReverseMode, Primitives):
    name = "torch:autograd"
    at = 0
    modes: ClassVar[dict[str, Mode]] = {**Primitives.modes, "conv2d": transposed}
    capabilities = replace(Primitives.capabilities, composed=composed_by(modes))


class Func(derivatives.ReverseMode, Primitives):
    """The gradients by `torch.func.vjp`, and conv2d as its own derivative in forward mode, by `torch.func.jvp`."""

    name = "torch:func"
    at = 0
    capabilities = replace(Primitives.capabilities, unclaimed=_ONE_LEVEL)

    @staticmethod
    def vjp(function: Callable, point: torch.Tensor, cotangent: torch.Tensor) -> torch.Tensor:
        return torch.func.vjp(function, point)[1](cotangent)[0]

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> torch.Tensor:
        point = self.filled(images.shape, self.at, images)
        return torch.func.jvp(lambda at: call.convolution(at, filters), (point,), (images,))[1]


class Transposed(derivatives.Transposed, Primitives):
    name = "torch:transposed"
    modes: ClassVar[dict[str, Mode]] = dict.fromkeys(Plain.modes, transposed)
    capabilities = replace(
        Primitives.capabilities,
        operations=("conv2d_backprop_input", "conv2d_backprop_filter"),
        composed=composed_by(modes),
    )


class ForwardMode(derivatives.ForwardMode, Primitives):
    name = "torch:forward"
    modes: ClassVar[dict[str, Mode]] = {**Primitives.modes, "conv2d_transpose": transposed}
    capabilities = replace(
        Primitives.capabilities, composed=composed_by(modes), share=0.25, unclaimed=UNCLAIMED_AT_POINTS | _ONE_LEVEL
    )


class DoubleBackward(derivatives.SecondOrder, Primitives):
    name = "torch:double_backward"
    capabilities = replace(Primitives.capabilities, share=0.25, unclaimed=UNCLAIMED_AT_POINTS)


class TransposedDoubleBackward(derivatives.TransposedSecondOrder, Primitives):
    name = "torch:transposed_double_backward"
    modes = Transposed.modes
    capabilities = replace(DoubleBackward.capabilities, composed=composed_by(modes))
