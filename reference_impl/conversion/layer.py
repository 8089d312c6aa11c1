"""The layer that a model was exported from: its weights as the oracle takes them, and its case on an image."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends import entry_points
from ..cases.case import Case
from ..explain import layers as explained

_FROM_OIHW = (2, 3, 1, 0)


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution, or the transpose of one, with its weights.

    Parameters
    ----------
    name : as the framework writes the layer
    is_transposed : True for a transposed convolution
    filters : HWIO of the forward convolution
    bias : one number for each output channel, or None
    groups : number of groups of channels
    case_on : makes the forward convolution's case from the size (height, width) of the layer's image
    image : the only size that it takes, or None
    """

    name: str
    is_transposed: bool
    filters: np.ndarray
    bias: np.ndarray | None
    groups: int
    case_on: Callable[[tuple[int, int]], Case]
    image: tuple[int, int] | None = None

    @property
    def channels(self) -> tuple[int, int]:
        """Number of channels that the layer reads, and of those that it writes."""
        both = self.filters.shape[2] * self.groups, self.filters.shape[3]
        return both[::-1] if self.is_transposed else both

    @property
    def smallest_image(self) -> tuple[int, int]:
        """An image size, both sides different, that is large enough to tell mistakes apart."""
        if self.image is not None:
            return self.image
        if self.is_transposed:
            return 5, 6
        for more in range(64):
            try:
                case = self.case_on((1 + more, 2 + more))
            except ValueError:
                continue
            (top, _), (left, _) = case.convolution.padding
            extents = [axis.kernel_extent for axis in case.convolution.axes]
            if 1 + more > max(*extents, top, left) + 2 * max(case.strides):
                return 1 + more, 2 + more
        return 65, 66


def from_case(case: Case, filters: np.ndarray, bias: np.ndarray | None, *, is_transposed: bool) -> Layer:
    """Return the layer of a case: HWIO filters, and its image.

    Raises
    ------
    ValueError
        If the filters or the bias do not have the case's shape.
    """
    outputs = case.input_channels if is_transposed else case.output_channels
    if filters.shape != case.filter_sizes:
        raise ValueError(f"filters must be HWIO of shape {case.filter_sizes}, as {case} has them; not {filters.shape}")
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(f"bias must have a number for each of the {outputs} output channels; not shape {bias.shape}")
    own = case.output_shape[1:3] if is_transposed else (case.height, case.width)
    return Layer(str(case), is_transposed, filters, bias, case.groups, lambda image: _sized(case, image, own), own)


def _sized(case: Case, image: tuple[int, int], own: tuple[int, int]) -> Case:
    if image != own:
        raise ValueError(f"the image must be {own[0]} x {own[1]}, as {case} has it; not {image[0]} x {image[1]}")
    return case


def load(name: str) -> Layer:
    """Return the layer called "FILE.py:layer" or "package.module:layer": of torch or Keras, with its weights.

    Raises
    ------
    ValueError, ImportError
        If there is no such layer, it holds no weights yet, or it does more than a convolution and a bias.
    """
    found = entry_points.named(name)
    if callable(found) and not _is_layer(found):
        found = found()
    kind = type(found).__module__.partition(".")[0]
    if _is_a(found, "torch", "nn", "Module"):
        return _of_torch(found)
    if _is_a(found, "keras", "Layer"):
        return _of_keras(found)
    raise ValueError(f"{name} must be a layer of torch or Keras, or a function that makes one; it is of {kind}")


def _is_layer(found: Any) -> bool:
    return _is_a(found, "torch", "nn", "Module") or _is_a(found, "keras", "Layer")


def _is_a(found: Any, framework: str, *path: str) -> bool:
    kind: Any = sys.modules.get(framework)
    for part in path:
        kind = getattr(kind, part, None)
    return isinstance(kind, type) and isinstance(found, kind)


def _of_torch(module: Any) -> Layer:
    kinds = ("Conv2d", "ConvTranspose2d")
    held = [one for one in module.modules() if type(one).__name__ in kinds]
    if len(held) != 1:
        raise ValueError(f"{type(module).__name__} must hold one {' or '.join(kinds)}; it holds {len(held)}")
    (layer,) = held
    text = repr(layer)
    weight, bias = layer.weight.detach().cpu().numpy(), layer.bias
    return Layer(
        f"torch.nn.{text}",
        type(layer).__name__ == "ConvTranspose2d",
        weight.transpose(_FROM_OIHW),
        None if bias is None else bias.detach().cpu().numpy(),
        layer.groups,
        lambda image: explained.from_torch(text, image).case,
    )


def _of_keras(layer: Any) -> Layer:
    inner = [one for one in getattr(layer, "layers", [layer]) if type(one).__name__ in _KERAS]
    if len(inner) != 1:
        raise ValueError(f"{type(layer).__name__} must hold one of {', '.join(_KERAS)}; it holds {len(inner)}")
    (layer,) = inner
    kind = type(layer).__name__
    if not layer.built:
        raise ValueError(f"{kind} must hold its weights: call it once, or build it, before it is exported")
    if getattr(layer.activation, "__name__", "linear") != "linear":
        raise ValueError(f"{kind} must have no activation, so that all of its answers can be compared; export without")
    kernel = np.asarray(layer.kernel)
    filters = kernel.reshape(*kernel.shape[:2], 1, -1) if kind == "DepthwiseConv2D" else kernel
    text, channels = _KERAS[kind](layer, kernel)
    return Layer(
        f"keras.layers.{text}",
        kind == "Conv2DTranspose",
        filters,
        np.asarray(layer.bias) if layer.use_bias else None,
        channels if kind == "DepthwiseConv2D" else getattr(layer, "groups", 1),
        lambda image: explained.from_keras(text, (*image, channels)).case,
    )


def _options(layer: Any, **more: Any) -> str:
    named = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate, **more}
    return ", ".join(f"{name}={value!r}" for name, value in named.items())


def _conv2d(layer: Any, kernel: np.ndarray) -> tuple[str, int]:
    words = _options(layer, groups=layer.groups)
    return f"Conv2D({layer.filters}, {layer.kernel_size}, {words})", kernel.shape[2] * layer.groups


def _depthwise(layer: Any, kernel: np.ndarray) -> tuple[str, int]:
    channels = kernel.shape[2]
    words = _options(layer, groups=channels)
    return f"Conv2D({channels * kernel.shape[3]}, {layer.kernel_size}, {words})", channels


def _transposed(layer: Any, kernel: np.ndarray) -> tuple[str, int]:
    words = _options(layer, output_padding=layer.output_padding)
    return f"Conv2DTranspose({layer.filters}, {layer.kernel_size}, {words})", kernel.shape[3]


# The layers of Keras that can be read, and what writes them as a Conv2D or Conv2DTranspose.
_KERAS: dict[str, Callable[[Any, np.ndarray], tuple[str, int]]] = {
    "Conv2D": _conv2d,
    "DepthwiseConv2D": _depthwise,
    "Conv2DTranspose": _transposed,
}
