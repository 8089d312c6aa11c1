"""A convolution as torch is asked for it: its two functions, and the padding that they can be told.

torch knows the same padding on both sides, and a few words. For the rest the adapter pads first, or crops after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ..padding import ForwardSizes, Pads, Pair

_COMPOSED = {
    "conv2d": "F.pad, then no padding",
    "conv2d_backprop_input": "the padded input's gradient, cropped",
    "conv2d_backprop_filter": "F.pad, then no padding",
    "conv2d_transpose": "the padded output, cropped",
}


@dataclass(frozen=True)
class Padding:
    """Padding as torch is told it, and the zeros `around` the input that the adapter adds itself."""

    padding: Any
    output_padding: Pair = (0, 0)
    around: Pads = ((0, 0), (0, 0))


NO_PADDING = Padding((0, 0))

# A mode tells torch the padding of a convolution. It gives None where torch has no such padding.
Mode = Callable[[ForwardSizes], Padding | None]


def symmetric(forward: ForwardSizes) -> Padding | None:
    (top, bottom), (left, right) = forward.pads
    return Padding((top, left)) if (top, left) == (bottom, right) else None


def word(forward: ForwardSizes) -> Padding | None:
    """`F.conv2d` also takes "valid", and "same" at stride 1: it puts the odd zero after the input, as SAME does."""
    if forward.padding == "VALID" or (forward.padding == "SAME" and forward.strides == (1, 1)):
        return Padding(forward.padding.lower())
    return symmetric(forward)


def transposed(forward: ForwardSizes) -> Padding | None:
    """`F.conv_transpose2d` crops both sides alike; `output_padding` moves the end of the part that it keeps."""
    (top, _), (left, _) = forward.pads
    longer, limits = forward.output_padding, map(max, forward.strides, forward.dilations)
    if all(0 <= more < limit for more, limit in zip(longer, limits, strict=True)):
        return Padding((top, left), longer)
    return None


def by_adapter(forward: ForwardSizes) -> Padding:
    """Tell torch no padding: the adapter pads and crops."""
    return Padding((0, 0), forward.windows[1], forward.pads)


def composed_by(modes: dict[str, Mode]) -> Callable[[str, Any], str | None]:
    """Return the `composed` of `Capabilities` for a route with these modes of its operations."""

    def composed(operation: str, case: Any) -> str | None:
        forward = ForwardSizes(case.input_sizes, case.filter_sizes, **case.options)
        return _COMPOSED[operation] if modes[operation](forward) is None else None

    return composed


@dataclass(frozen=True)
class TorchCall:
    """A `BilinearCall` of torch. Shapes are NCHW and OIHW, with the zeros that the adapter adds."""

    conv2d_function: Callable
    conv_transpose2d_function: Callable
    forward: ForwardSizes
    padding: Padding

    @property
    def options(self) -> dict[str, Any]:
        own = self.forward
        padding = self.padding.padding
        return {"stride": own.strides, "padding": padding, "dilation": own.dilations, "groups": own.groups}

    def convolution(self, images: torch.Tensor, filters: torch.Tensor, *bias: torch.Tensor) -> torch.Tensor:
        return self.conv2d_function(images, filters, *bias, **self.options)

    def transposed(self, cotangent: torch.Tensor, filters: torch.Tensor, *bias: torch.Tensor) -> torch.Tensor:
        longer = self.padding.output_padding
        return self.conv_transpose2d_function(cotangent, filters, *bias, **self.options, output_padding=longer)

    @property
    def input_sizes(self) -> tuple[int, ...]:
        if not self.forward.are_of_4:
            return self.forward.input_sizes
        batch, height, width, channels = self.forward.input_sizes
        vertical, horizontal = self.padding.around
        return batch, channels, height + sum(vertical), width + sum(horizontal)

    @property
    def filter_sizes(self) -> tuple[int, ...]:
        if not self.forward.are_of_4:
            return self.forward.filter_sizes
        return tuple(self.forward.filter_sizes[axis] for axis in (3, 2, 0, 1))

    @property
    def output_shape(self) -> tuple[int, ...]:
        batch, height, width, channels = self.forward.output_shape
        return batch, channels, height, width

    def pad(self, images: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.padding.around
        return F.pad(images, (left, right, top, bottom)) if top or bottom or left or right else images

    def crop(self, padded: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.padding.around
        if padded.ndim != 4:  # the answer to an invalid call
            return padded
        return padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]
