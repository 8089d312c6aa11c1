"""What torch's convolutions can be asked for a padding, and what is left to us: zeros before, a crop after."""

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


class Geometry(ForwardSizes):
    """The forward convolution, and what torch can be asked for it."""

    def symmetric(self) -> TorchCall | None:
        (top, bottom), (left, right) = self.pads
        return TorchCall(self, (top, left)) if (top, left) == (bottom, right) else None

    def word(self) -> TorchCall | None:
        """`F.conv2d` also takes "valid", and "same" at stride 1: it puts the odd zero after the input, as SAME does."""
        if self.padding == "VALID" or (self.padding == "SAME" and self.strides == (1, 1)):
            return TorchCall(self, self.padding.lower())
        return self.symmetric()

    def transposed(self) -> TorchCall | None:
        """`F.conv_transpose2d` crops both sides alike; `output_padding` moves the end of what it keeps."""
        (top, _), (left, _) = self.pads
        longer, limits = self.output_padding, map(max, self.strides, self.dilations)
        if all(0 <= more < limit for more, limit in zip(longer, limits, strict=True)):
            return TorchCall(self, (top, left), longer)
        return None

    def composed(self) -> TorchCall:
        return TorchCall(self, (0, 0), self.windows[1], self.pads)


@dataclass(frozen=True)
class TorchCall:
    """What torch is asked; the zeros `around` the input are left to us."""

    geometry: Geometry
    padding: Any
    output_padding: Pair = (0, 0)
    around: Pads = ((0, 0), (0, 0))

    @property
    def options(self) -> dict[str, Any]:
        own = self.geometry
        return {"stride": own.strides, "padding": self.padding, "dilation": own.dilations, "groups": own.groups}

    @property
    def transposed_options(self) -> dict[str, Any]:
        return {**self.options, "output_padding": self.output_padding}

    def pad(self, input: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.around
        return F.pad(input, (left, right, top, bottom)) if top or bottom or left or right else input

    def padded(self, nhwc: Any) -> tuple[int, ...]:
        """The NCHW shape with our zeros."""
        return nhwc[0], nhwc[3], nhwc[1] + sum(self.around[0]), nhwc[2] + sum(self.around[1])

    def crop(self, padded: torch.Tensor) -> torch.Tensor:
        (top, bottom), (left, right) = self.around
        return padded[:, :, top : padded.shape[2] - bottom, left : padded.shape[3] - right]


Modes = dict[str, Callable[[Geometry], "TorchCall | None"]]


def composed_by(modes: Modes) -> Callable[[str, Any], str | None]:
    def composed(operation: str, case: Any) -> str | None:
        sizes = (case.height, case.width)
        geometry = Geometry(sizes, case.kernel_size, case.strides, case.dilations, case.groups, case.padding)
        return _COMPOSED[operation] if modes[operation](geometry) is None else None

    return composed
