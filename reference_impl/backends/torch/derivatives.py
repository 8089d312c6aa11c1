"""PyTorch's derivatives, of first and second order: as conv2d is bilinear, each is one of the four operations.

New derivatives are not taken at 0, where one that keeps some of the function's value, or forgets a factor, would look
right. Where the product rule gives an answer twice, the points are such that both terms show (`POINTS`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch.autograd import forward_ad

from ..points import POINTS, UNCLAIMED
from ..protocol import Capabilities
from .functions import FLOATS, FLUSHES, NO_EMPTY_IMAGE, Plain
from .padding import Geometry, Modes, TorchCall, composed_by


class Derivatives(Plain):
    """What the routes differentiate."""

    modes: ClassVar[Modes] = dict.fromkeys(Plain.modes, Geometry.word)
    capabilities = Capabilities(flushes=FLUSHES, dtypes=FLOATS, lacks=(NO_EMPTY_IMAGE,), composed=composed_by(modes))

    def convolution(self, call: TorchCall) -> Callable:
        return lambda images, filters: self.conv2d_function(images, filters, **call.options)

    def transposed_convolution(self, call: TorchCall) -> Callable:
        return lambda images, filters: self.conv_transpose2d_function(images, filters, **call.transposed_options)


class Autograd(Derivatives):
    """Every operation as the derivative of another by reverse mode, at 0 because each is linear."""

    name = "torch:autograd"
    modes: ClassVar[Modes] = {**Derivatives.modes, "conv2d": Geometry.transposed}
    capabilities = replace(Derivatives.capabilities, composed=composed_by(modes))

    def vjp(self, function: Callable, shape: Any, cotangent: torch.Tensor) -> torch.Tensor:
        point = torch.zeros(shape, dtype=cotangent.dtype, requires_grad=True)
        return torch.autograd.grad(function(point), point, cotangent)[0]

    def forward(self, input: Any, filters: Any, call: TorchCall) -> torch.Tensor:
        transposed = self.transposed_convolution(call)
        return self.vjp(lambda at: transposed(at, filters), _output_shape(input, filters, call), input)

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        convolution = self.convolution(call)
        return self.vjp(lambda at: convolution(at, filters), shape, cotangent)

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        convolution = self.convolution(call)
        return self.vjp(lambda at: convolution(input, at), shape, cotangent)

    def transpose(self, shape: Any, filters: Any, input: Any, call: TorchCall) -> torch.Tensor:
        return self.backprop_input(shape, filters, input, call)


class Func(Autograd):
    """`torch.func`: the gradients by its vjp, and conv2d as its own forward-mode derivative."""

    name = "torch:func"
    modes = Derivatives.modes
    capabilities = Derivatives.capabilities

    def vjp(self, function: Callable, shape: Any, cotangent: torch.Tensor) -> torch.Tensor:
        return torch.func.vjp(function, torch.zeros(shape, dtype=cotangent.dtype))[1](cotangent)[0]

    def forward(self, input: Any, filters: Any, call: TorchCall) -> torch.Tensor:
        convolution = self.convolution(call)
        return torch.func.jvp(lambda at: convolution(at, filters), (torch.zeros_like(input),), (input,))[1]


class Transposed(Derivatives):
    """The gradients by `F.conv_transpose2d`: the input's is its value, the filters' is its filters' gradient.

    Its input's gradient, conv2d, is in `Autograd`.
    """

    name = "torch:transposed"
    modes: ClassVar[Modes] = dict.fromkeys(Plain.modes, Geometry.transposed)
    capabilities = replace(
        Derivatives.capabilities,
        operations=("conv2d_backprop_input", "conv2d_backprop_filter"),
        composed=composed_by(modes),
    )

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        return self.transposed_convolution(call)(cotangent, filters)

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        point = torch.ones(shape, dtype=input.dtype, requires_grad=True)
        return torch.autograd.grad(self.transposed_convolution(call)(cotangent, point), point, input)[0]


class ForwardMode(Derivatives):
    """Forward mode, in both arguments at once: of the functions, and of their gradients by reverse mode."""

    name = "torch:forward"
    modes: ClassVar[Modes] = {**Derivatives.modes, "conv2d_transpose": Geometry.transposed}
    capabilities = replace(Derivatives.capabilities, composed=composed_by(modes), share=0.25, unclaimed=UNCLAIMED)

    def jvp(self, bilinear: Callable, *tangents: torch.Tensor) -> torch.Tensor:
        """`bilinear` of `tangents`: half its derivative along them, at `POINTS`."""
        with forward_ad.dual_level():
            points = (scale * tangent for scale, tangent in zip(POINTS, tangents, strict=True))
            value = bilinear(*map(forward_ad.make_dual, points, tangents))
            return forward_ad.unpack_dual(value).tangent / 2

    def forward(self, input: Any, filters: Any, call: TorchCall) -> torch.Tensor:
        return self.jvp(self.convolution(call), input, filters)

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        point = torch.ones(shape, dtype=filters.dtype, requires_grad=True)
        convolution = self.convolution(call)
        return self.jvp(lambda at, of: torch.autograd.grad(convolution(point, at), point, of)[0], filters, cotangent)

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        point = torch.ones(shape, dtype=input.dtype, requires_grad=True)
        convolution = self.convolution(call)
        return self.jvp(lambda at, of: torch.autograd.grad(convolution(at, point), point, of)[0], input, cotangent)

    def transpose(self, shape: Any, filters: Any, input: Any, call: TorchCall) -> torch.Tensor:
        return self.jvp(self.transposed_convolution(call), input, filters)


class DoubleBackward(Derivatives):
    """The derivatives of `F.conv2d`'s gradients, by differentiating them once more."""

    name = "torch:double_backward"
    capabilities = replace(Derivatives.capabilities, share=0.25, unclaimed=UNCLAIMED)

    def forward(self, input: Any, filters: Any, call: TorchCall) -> torch.Tensor:
        return self.of_cotangent(self.convolution(call), _output_shape(input, filters, call), input, filters)

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        points = torch.ones(shape, dtype=filters.dtype), torch.ones_like(filters)
        return _second(self.convolution(call), points, cotangent, (points[0], filters))[0]

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        points = torch.ones_like(input), torch.ones(shape, dtype=input.dtype)
        return _second(self.convolution(call), points, cotangent, (input, points[1]))[1]

    def transpose(self, shape: Any, filters: Any, input: Any, call: TorchCall) -> torch.Tensor:
        return self.backprop_input(shape, filters, input, call)

    def of_cotangent(self, bilinear: Callable, shape: Any, *along: torch.Tensor) -> torch.Tensor:
        """`bilinear` of `along`: half the derivative in the cotangent, to which both gradients are linear."""
        points = tuple(scale * direction for scale, direction in zip(POINTS, along, strict=True))
        return _second(bilinear, points, torch.ones(shape, dtype=along[0].dtype), along)[2] / 2


class TransposedDoubleBackward(DoubleBackward):
    """The derivatives of `F.conv_transpose2d`'s gradients, by differentiating them once more."""

    name = "torch:transposed_double_backward"
    modes = Transposed.modes
    capabilities = replace(DoubleBackward.capabilities, composed=composed_by(modes))

    def forward(self, input: Any, filters: Any, call: TorchCall) -> torch.Tensor:
        points = torch.ones(_output_shape(input, filters, call), dtype=input.dtype), torch.ones_like(filters)
        return _second(self.transposed_convolution(call), points, input, (points[0], filters))[0]

    def backprop_input(self, shape: Any, filters: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        return self.of_cotangent(self.transposed_convolution(call), shape, cotangent, filters)

    def backprop_filter(self, input: Any, shape: Any, cotangent: Any, call: TorchCall) -> torch.Tensor:
        points = torch.ones_like(cotangent), torch.ones(shape, dtype=input.dtype)
        return _second(self.transposed_convolution(call), points, input, (cotangent, points[1]))[1]


def _second(function: Callable, points: Any, cotangent: torch.Tensor, along: Any) -> tuple[torch.Tensor, ...]:
    """The gradient of <function's two gradients, along>, in both arguments and in the cotangent."""
    points = tuple(point.detach().requires_grad_() for point in points)
    cotangent = cotangent.detach().requires_grad_()
    gradients = torch.autograd.grad(function(*points), points, cotangent, create_graph=True)
    # An empty batch leaves gradients undefined, which is torch's word for zero.
    return torch.autograd.grad(gradients, (*points, cotangent), along, materialize_grads=True)


def _output_shape(input: torch.Tensor, filters: torch.Tensor, call: TorchCall) -> tuple[int, ...]:
    return (input.shape[0], filters.shape[0], *call.geometry.windows[0])
