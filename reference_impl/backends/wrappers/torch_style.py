"""A backend of a function on torch tensors: a kernel of yours in Triton or CUDA, a `torch.autograd.Function`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch

from ..derivatives import BilinearCall, ReverseMode
from ..protocol import Capabilities
from ..torch.call import Geometry, Modes, composed_by
from ..torch.derivatives import Primitives


class _TorchStyle(ReverseMode, Primitives):
    """Calls the function with symmetric padding where that will do, else with none on a padded input.

    Tensors are contiguous where the arrays are, and otherwise not: users' are views, and gradients of expanded ones.
    """

    modes: ClassVar[Modes] = dict.fromkeys(Primitives.modes, Geometry.symmetric)
    device: str | torch.device = "cpu"

    def forward(self, call: BilinearCall, images: Any, filters: Any) -> torch.Tensor:
        return call.convolution(images, filters)

    @staticmethod
    def vjp(function: Callable, point: torch.Tensor, cotangent: torch.Tensor) -> torch.Tensor:
        with _kept(cotangent=cotangent):
            return Primitives.vjp(function, point, cotangent)

    def _nchw(self, array: np.ndarray) -> torch.Tensor:
        return self._lying_as(array, super()._nchw(array))

    def _oihw(self, array: np.ndarray) -> torch.Tensor:
        return self._lying_as(array, super()._oihw(array))

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    def _lying_as(self, array: np.ndarray, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor on the device; of an array that is not contiguous, with other numbers between its elements."""
        there = tensor.to(self.device)
        if array.flags.c_contiguous:
            return there
        larger = torch.full([2 * size for size in there.shape], 77, dtype=there.dtype, device=self.device)
        return larger[::2, ::2, ::2, ::2].copy_(there)


@contextlib.contextmanager
def _kept(**tensors: torch.Tensor) -> Iterator[None]:
    """Raise RuntimeError if one of the tensors, which are copies of what the caller gave, is written to."""
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    yield
    for name, tensor in tensors.items():
        if not torch.isclose(tensor.detach(), before[name], rtol=0, atol=0, equal_nan=True).all():
            raise RuntimeError(f"arguments must not be written to; the {name} was")


def _keeping(function: Callable) -> Callable:
    def convolution(input: torch.Tensor, filters: torch.Tensor, **options: Any) -> torch.Tensor:
        with _kept(input=input, filters=filters):
            return function(input, filters, **options)

    return convolution


def torch_style(
    function: Callable,
    *,
    gradients: bool = True,
    device: str | torch.device = "cpu",
    name: str = "",
    version: str = "unversioned",
    capabilities: Capabilities | None = None,
) -> _TorchStyle:
    """A backend of `function(input, filters, stride=, padding=, dilation=, groups=)` on NCHW and OIHW tensors.

    Parameters
    ----------
    function : options are pairs, height first, as of `torch.nn.functional.conv2d`
    gradients : whether `conv2d_backprop_input` and `conv2d_backprop_filter` are asked for too, by autograd
    device : where the tensors are when the function is called
    name, version : shown in reports; by default the function's name
    capabilities : what it lacks; by default nothing, in float32 and float64
    """
    operations = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter") if gradients else ("conv2d",)
    declared = capabilities or Capabilities(operations=operations)
    attributes = {
        "conv2d_function": staticmethod(_keeping(function)),
        "device": device,
        "name": name or getattr(function, "__name__", "torch_style"),
        "version": version,
        "capabilities": replace(declared, composed=composed_by(_TorchStyle.modes)),
    }
    return type("TorchStyle", (_TorchStyle,), attributes)()
