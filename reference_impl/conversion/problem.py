"""One convolution with its weights and all of its options in numbers, which a fault can alter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import operations
from ..arguments import Sizes
from ..cases.case import Case

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


@dataclass(frozen=True, eq=False)
class Problem:
    """A layer on NHWC images. `filters` are HWIO of the forward convolution; `pads` are ((top, bottom), (left, right)).

    `longer` is the output_padding of a transposed convolution: positions at the end that no window reaches.
    """

    images: np.ndarray
    filters: np.ndarray
    strides: Pair
    dilations: Pair
    pads: Pads
    groups: int
    is_transposed: bool
    longer: Pair = (0, 0)

    @classmethod
    def of(cls, case: Case, images: np.ndarray, filters: np.ndarray, *, is_transposed: bool) -> Problem:
        axes = case.convolution.axes
        longer = tuple(axis.leftover for axis in axes) if is_transposed else (0, 0)
        own = case.strides, case.dilations, case.convolution.padding, case.groups
        return cls(images, filters, *own, is_transposed, longer)  # type: ignore[arg-type]

    def answer(self) -> np.ndarray:
        """Return the oracle's answer. Raise ValueError if there is no such convolution."""
        options: dict[str, Any] = {
            "strides": self.strides,
            "padding": self.pads,
            "dilations": self.dilations,
            "groups": self.groups,
        }
        if not self.is_transposed:
            return operations.conv2d(self.images, self.filters, **options)
        return operations.conv2d_transpose(self.images, self.filters, self.output_shape, **options)

    @property
    def output_shape(self) -> Sizes:
        """Shape of a transposed convolution's answer."""
        images, taps = self.images.shape[1:3], self.filters.shape[:2]
        axes = zip(images, taps, self.strides, self.dilations, self.pads, self.longer, strict=True)
        height, width = (
            (size - 1) * stride + (kernel - 1) * dilation + 1 - before - after + more
            for size, kernel, stride, dilation, (before, after), more in axes
        )
        return self.images.shape[0], height, width, self.filters.shape[2] * self.groups

    @property
    def sizes(self) -> Pair:
        """Height and width of the forward convolution's input."""
        return self.output_shape[1:3] if self.is_transposed else self.images.shape[1:3]

    @property
    def extents(self) -> Pair:
        height, width = (
            (taps - 1) * dilation + 1 for taps, dilation in zip(self.filters.shape[:2], self.dilations, strict=True)
        )
        return height, width

    def altered(self, **changes: Any) -> Problem:
        return replace(self, **changes)

    def padded(self, *pads: Pair) -> Problem:
        """Return the problem with other pads, those of the height first."""
        height, width = pads
        return replace(self, pads=(height, width))


def same_total(size: int, extent: int, stride: int) -> int:
    """Zeros that SAME adds in all."""
    return max((-(-size // stride) - 1) * stride + extent - size, 0)
