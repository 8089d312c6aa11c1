"""Memory formats of torch as users set them: of tensors, images or filters alone, and modules; and odd strides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .functions import Plain, tensor_of
from .layers import Layers


class ChannelsLast(Plain):
    name = "torch:channels_last"
    memory_format = torch.channels_last


class ChannelsLastFilters(Plain):
    """Only the filters are channels_last, as when a converted model is given images as they are."""

    name = "torch:channels_last_filters"
    capabilities = replace(Plain.capabilities, share=0.25)

    def _oihw(self, array: np.ndarray) -> torch.Tensor:
        # `contiguous` leaves filters with one input channel as they are: the strides would not be channels_last's.
        return super()._oihw(array).to(memory_format=torch.channels_last)


class ChannelsLastImages(Plain):
    """Only images and cotangents are channels_last, as from a data loader; the model was not converted."""

    name = "torch:channels_last_images"
    capabilities = replace(Plain.capabilities, share=0.25)

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(memory_format=torch.channels_last)

    def _oihw(self, array: np.ndarray) -> torch.Tensor:
        return tensor_of(array.transpose(3, 2, 0, 1))


class ChannelsLastLayers(Layers):
    """The layers moved by `module.to(memory_format=torch.channels_last)`; images as the layers find them."""

    name = "torch:channels_last_layers"
    capabilities = replace(Layers.capabilities, share=0.25)
    memory_format = torch.channels_last

    def _with(self, layer: Any, filters: torch.Tensor, *bias: torch.Tensor) -> Any:
        return super()._with(layer, filters, *bias).to(memory_format=self.memory_format)


class OddStrides(Plain):
    """Contiguous tensors with other strides where the size is 1. There a stride means nothing: nothing is read by it.

    Such strides come from slices, views and other libraries. Kernels that look at strides to tell the memory format may
    take one for the other.
    """

    name = "torch:odd_strides"
    capabilities = replace(Plain.capabilities, share=0.25)

    def _formatted(self, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.contiguous()
        odd = [7 * axis + 3 if size == 1 else stride for axis, (size, stride) in _axes(tensor)]
        return tensor.as_strided(tensor.shape, odd)


def _axes(tensor: torch.Tensor) -> Any:
    return enumerate(zip(tensor.shape, tensor.stride(), strict=True))
