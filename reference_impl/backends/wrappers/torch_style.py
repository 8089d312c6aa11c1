"""A backend from a function on torch tensors: your kernel in Triton or CUDA, or a `torch.autograd.Function`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch

from ..derivatives import BilinearCall, ReverseMode
from ..protocol import Capabilities, takes_bias
from ..torch.call import Mode, composed_by, symmetric
from ..torch.derivatives import Primitives


class _TorchStyle(ReverseMode, Primitives):
    """Call the function with symmetric padding where that is enough, else without padding on a padded input.

    Tensors are contiguous only if the arrays are: users pass views, and gradients of expanded tensors.
    """

    modes: ClassVar[dict[str, Mode]] = dict.fromkeys(Primitives.modes, symmetric)
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
        """Return the tensor on the device. If the array is not contiguous, other numbers lie between its elements."""
        there = tensor.to(self.device)
        if array.flags.c_contiguous:
            return there
        larger = torch.full([2 * size for size in there.shape], 77, dtype=there.dtype, device=self.device)
        return larger[::2, ::2, ::2, ::2].copy_(there)


@contextlib.contextmanager
def _kept(**tensors: torch.Tensor) -> Iterator[None]:
    """Raise RuntimeError if a tensor is written to. The tensors are copies, so the checks on arrays cannot see it."""
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


def _with_bias(function: Callable) -> Callable:
    """Make a `conv2d` that gives its bias to the function, as F.conv2d takes it."""

    def conv2d(
        self: _TorchStyle, input: np.ndarray, filters: np.ndarray, *, bias: np.ndarray | None = None, **options: Any
    ) -> np.ndarray:
        if bias is None:
            return _TorchStyle.conv2d(self, input, filters, **options)
        given = partial(function, bias=torch.tensor(bias, device=self.device))
        return torch_style(given, device=self.device).conv2d(input, filters, **options)

    return conv2d


def torch_style(
    function: Callable,
    *,
    gradients: bool = True,
    device: str | torch.device = "cpu",
    name: str = "",
    version: str = "unversioned",
    capabilities: Capabilities | None = None,
) -> _TorchStyle:
    """Return a backend that calls `function(input, filters, stride=, padding=, dilation=, groups=)`.

    Parameters
    ----------
    function : takes and returns NCHW tensors, with OIHW filters; options are pairs, height first, as in
        `torch.nn.functional.conv2d`. If it has a parameter `bias`, it must add that.
    gradients : whether to check `conv2d_backprop_input` and `conv2d_backprop_filter` too, by autograd
    device : where the tensors are when the function is called
    name, version : shown in reports; the default name is the function's
    capabilities : what the function lacks; by default nothing, in float32 and float64
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
    if takes_bias(SimpleNamespace(conv2d=function)):
        attributes["conv2d"] = _with_bias(function)
    return type("TorchStyle", (_TorchStyle,), attributes)()
