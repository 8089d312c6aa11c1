"""PyTorch's layers, `torch.nn.Conv2d` and `ConvTranspose2d`, with their words for padding; gradients by autograd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch

from ..padding import ForwardSizes
from .biased import Biased
from .call import Mode, Padding, TorchCall, composed_by, transposed, word


def by_output_size(forward: ForwardSizes) -> Padding | None:
    """`ConvTranspose2d` takes an `output_size` of less than a stride above the least, also where it is dilated."""
    told = transposed(forward)
    within = told and all(more < step for more, step in zip(told.output_padding, forward.strides, strict=True))
    return told if within else None


class Layers(Biased):
    """Each call makes a layer and puts the filters in as its weight. The transposed layer is told `output_size`."""

    name = "torch:layers"
    modes: ClassVar[dict[str, Mode]] = {**dict.fromkeys(Biased.modes, word), "conv2d_transpose": by_output_size}
    capabilities = replace(Biased.capabilities, composed=composed_by(modes))
    memory_format = torch.contiguous_format

    def forward(self, call: TorchCall, images: Any, filters: Any, *bias: Any) -> torch.Tensor:
        return self._layer(call, filters, *bias)(images)

    def backprop_input(self, call: TorchCall, filters: Any, cotangent: Any) -> torch.Tensor:
        images = filters.new_ones(call.input_sizes).requires_grad_()
        self._layer(call, filters)(images).backward(cotangent)
        return torch.as_tensor(images.grad)

    def backprop_filter(self, call: TorchCall, images: Any, cotangent: Any) -> torch.Tensor:
        layer = self._layer(call, images.new_ones(call.filter_sizes))
        layer(images).backward(cotangent)
        gradient: torch.Tensor = layer.weight.grad
        return gradient

    def transpose(self, call: TorchCall, cotangent: Any, filters: Any, *bias: Any) -> torch.Tensor:
        given = {**call.options, "bias": bool(bias), "dtype": filters.dtype}
        outputs, inputs = call.filter_sizes[0], call.input_sizes[1]
        layer = torch.nn.ConvTranspose2d(outputs, inputs, call.forward.kernel, **given)
        return self._with(layer, filters, *bias)(cotangent, output_size=call.input_sizes[2:])

    def _layer(self, call: TorchCall, filters: torch.Tensor, *bias: torch.Tensor) -> Any:
        """Make a layer of these filters, with a bias also where none is given: the default."""
        outputs, inputs = call.filter_sizes[0], call.input_sizes[1]
        layer = torch.nn.Conv2d(inputs, outputs, call.forward.kernel, **call.options, dtype=filters.dtype)
        return self._with(layer, filters, *(bias or [filters.new_zeros(outputs)]))

    def _with(self, layer: Any, filters: torch.Tensor, *bias: torch.Tensor) -> Any:
        layer.weight = torch.nn.Parameter(filters)
        if bias:
            layer.bias = torch.nn.Parameter(bias[0])
        return layer
