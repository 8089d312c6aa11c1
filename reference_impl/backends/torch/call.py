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
    """Padding in torch's words, and the zeros `around` the input that the adapter adds itself."""

    padding: Any
    output_padding: Pair = (0, 0)
    around: Pads = ((0, 0), (0, 0))


class Geometry(ForwardSizes):
    """The forward convolution, and the ways to tell torch its padding: each is None where torch has no such padding."""

    def symmetric(self) -> Padding | None:
        (top, bottom), (left, right) = self.pads
        return Padding((top, left)) if (top, left) == (bottom, right) else None

    def word(self) -> Padding | None:
        """`F.conv2d` also takes "valid", and "same" at stride 1: it puts the odd zero after the input, as SAME does."""
        if self.padding == "VALID" or (self.padding == "SAME" and self.strides == (1, 1)):
            return Padding(self.padding.lower())
        return self.symmetric()

    def transposed(self) -> Padding | None:
        """`F.conv_transpose2d` crops both sides alike; `output_padding` moves the end of what it keeps."""
        (top, _), (left, _) = self.pads
        longer, limits = self.output_padding, map(max, self.strides, self.dilations)
        if all(0 <= more < limit for more, limit in zip(longer, limits, strict=True)):
            return Padding((top, left), longer)
        return None

    def composed(self) -> Padding:
        return Padding((0, 0), self.windows[1], self.pads)


Modes = dict[str, Callable[[Geometry], "Padding | None"]]


def composed_by(modes: Modes) -> Callable[[str, Any], str | None]:
    """Return a `Capabilities.composed` for a route that tells torch the padding of each operation by `modes`."""

    def composed(operation: str, case: Any) -> str | None:
        sizes = (case.height, case.width)
        geometry = Geometry(sizes, case.kernel_size, case.strides, case.dilations, case.groups, case.padding)
        return _COMPOSED[operation] if modes[operation](geometry) is None else None

    return composed


@dataclass(frozen=True)
class TorchCall:
    """A `BilinearCall` of torch. Shapes are NCHW and OIHW, and include the zeros that the adapter adds."""

    conv2d_function: Callable
    conv_transpose2d_function: Callable
    geometry: Geometry
    padding: Padding
    nhwc: tuple[int, ...]  # the input's sizes, without the zeros
    hwio: tuple[int, ...]

    @property
    def options(self) -> dict[str, Any]:
        own = self.geometry
        padding = self.padding.padding
        return {"stride": own.strides, "padding": padding, "dilation": own.dilations, "groups": own.groups}

    def convolution(self, images: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
        return self.conv2d_function(images, filters, **self.options)

    def transposed(self, cotangent: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
        longer = self.padding.output_padding
        return self.conv_transpose2d_function(cotangent, filters, **self.options, output_padding=longer)

    @property
    def input_sizes(self) -> tuple[int, ...]:
        batch, height, width, channels = self.nhwc
        vertical, horizontal = self.padding.around
        return batch, channels, height + sum(vertical), width + sum(horizontal)

    @property
    def filter_sizes(self) -> tuple[int, ...]:
        return tuple(self.hwio[axis] for axis in (3, 2, 0, 1))

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.nhwc[0], self.hwio[3], *self.geometry.windows[0])

    def pad(self, images: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.padding.around
        return F.pad(images, (left, right, top, bottom)) if top or bottom or left or right else images

    def crop(self, padded: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.padding.around
        return padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]
