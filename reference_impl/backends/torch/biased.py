"""PyTorch with a bias: other kernels run, and the gradients are computed together with that of the bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch

from .call import Mode, TorchCall, composed_by, transposed, word
from .derivatives import Primitives
from .functions import Plain, array_of


class Biased(Plain):
    """`F.conv2d` and `F.conv_transpose2d` with a bias, of zeros if none is given, and their gradients by autograd.

    Each gradient is taken together with the two others, as training does, because torch then computes all in one call.
    """

    name = "torch:bias"
    modes: ClassVar[dict[str, Mode]] = {**dict.fromkeys(Plain.modes, word), "conv2d_transpose": transposed}
    capabilities = replace(Primitives.capabilities, composed=composed_by(modes))

    def conv2d_backprop_filter(
        self, input: Any, filter_sizes: Any, out_backprop: Any, *, bias: bool = False, **options: Any
    ) -> np.ndarray:
        if not bias:
            return super().conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)
        with self._calling("conv2d_backprop_filter", input.shape, filter_sizes, options) as call:
            images, cotangent = call.pad(self._nchw(input)), self._nchw(out_backprop)
            ones = torch.ones(call.filter_sizes, dtype=images.dtype)
            return array_of(self._gradients(call.convolution, images, ones, cotangent)[2], input.dtype)

    def forward(self, call: TorchCall, images: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return call.convolution(images, filters, *(bias or [images.new_zeros(call.filter_sizes[0])]))

    def backprop_input(self, call: TorchCall, filters: Any, cotangent: Any) -> torch.Tensor:
        return self._gradients(call.convolution, filters.new_ones(call.input_sizes), filters, cotangent)[0]

    def backprop_filter(self, call: TorchCall, images: Any, cotangent: Any) -> torch.Tensor:
        return self._gradients(call.convolution, images, images.new_ones(call.filter_sizes), cotangent)[1]

    def transpose(self, call: TorchCall, cotangent: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return call.transposed(cotangent, filters, *(bias or [filters.new_zeros(call.input_sizes[1])]))

    @staticmethod
    def _gradients(
        function: Callable, images: torch.Tensor, filters: torch.Tensor, cotangent: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        bias = cotangent.new_zeros(cotangent.shape[1])
        points = tuple(point.detach().requires_grad_() for point in (images, filters, bias))
        return torch.autograd.grad(function(*points), points, cotangent)
