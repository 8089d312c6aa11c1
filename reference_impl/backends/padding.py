"""Padding in numbers, and the sizes that follow from it, for adapters of frameworks that do not know a padding word.

This is written apart from the oracle's geometry, and in another way. An adapter that asked the oracle how much to pad
would agree with it on a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
_WORDS = ("VALID", "SAME", "SAME_LOWER", "FULL")


def explicit(padding: Any, sizes: Any, kernel: Any, strides: Any, dilations: Any) -> Pads:
    """Return ((top, bottom), (left, right)) of the forward convolution, in input positions.

    Parameters
    ----------
    padding : "VALID", "SAME", "SAME_LOWER", "FULL" or ((top, bottom), (left, right))
    sizes : (height, width) of the forward convolution's input
    kernel : (kernel height, kernel width), before dilation
    strides, dilations : (height, width), in input positions

    Raises
    ------
    ValueError
        If the word is unknown.

    References
    ----------
    https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    if not isinstance(padding, str):
        (top, bottom), (left, right) = padding
        return (int(top), int(bottom)), (int(left), int(right))
    height, width = (_along(padding, *axis) for axis in zip(sizes, kernel, strides, dilations, strict=True))
    return height, width


def windows(pads: Pads, sizes: Any, kernel: Any, strides: Any, dilations: Any) -> tuple[Pair, Pair]:
    """Return the number of windows, and the number of padded positions at the end that no window reads.

    Both are (height, width). The arguments are those of `explicit`, with its result for `padding`.
    """
    height, width = (
        divmod(size + sum(around) - (taps - 1) * dilation - 1, stride)
        for size, taps, stride, dilation, around in zip(sizes, kernel, strides, dilations, pads, strict=True)
    )
    return (height[0] + 1, width[0] + 1), (height[1], width[1])


def cropped(images: Any, pads: Pads) -> Any:
    """Return NHWC images without the outermost positions: as many on each side as `pads` says."""
    (top, bottom), (left, right) = pads
    return images[:, top : images.shape[1] - bottom, left : images.shape[2] - right]


def _along(word: str, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    reach = dilation * (kernel - 1)  # from a window's first position to its last
    if word == "VALID":
        return 0, 0
    if word == "FULL":
        return reach, reach
    if word not in _WORDS:
        raise ValueError(f"padding must be one of VALID, SAME, SAME_LOWER, FULL; not {word!r}")
    # With SAME, windows start at 0, stride, ... below size. The last one sticks out by as much as must be padded.
    last_start = (size - 1) // stride * stride if size else 0
    total = max(last_start + reach + 1 - size, 0) if size else 0
    less, more = total // 2, total - total // 2
    return (less, more) if word == "SAME" else (more, less)


@dataclass(frozen=True)
class ForwardSizes:
    """Sizes and options of the forward convolution, whichever of the four operations is called.

    Parameters
    ----------
    input_sizes : (N, H, W, C)
    filter_sizes : (kernel height, kernel width, C / groups, output channels)
    strides, dilations : (height, width), in input positions
    groups : number of groups of channels
    padding : as in `explicit`
    """

    input_sizes: Any
    filter_sizes: Any
    strides: Pair
    dilations: Pair
    groups: int
    padding: Any

    @cached_property
    def are_of_4(self) -> bool:
        """True if both sizes have 4 elements. If not, the call is invalid, and the framework is asked it as it is."""
        return all(np.ndim(sizes) == 1 and len(sizes) == 4 for sizes in (self.input_sizes, self.filter_sizes))

    @property
    def has_unknown_word(self) -> bool:
        """True for a padding word that nobody knows: the framework should be given it as is."""
        return isinstance(self.padding, str) and self.padding not in _WORDS

    @property
    def sizes(self) -> Pair:
        """The input's height and width."""
        return tuple(self.input_sizes[1:3])

    @property
    def kernel(self) -> Pair:
        return tuple(self.filter_sizes[:2])

    @cached_property
    def pads(self) -> Pads:
        return explicit(self.padding, self.sizes, self.kernel, self.strides, self.dilations)

    @cached_property
    def windows(self) -> tuple[Pair, Pair]:
        """The number of windows, and of the padded positions at the end that no window reads; height first."""
        return windows(self.pads, self.sizes, self.kernel, self.strides, self.dilations)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(N, H', W', output channels)"""
        return (self.input_sizes[0], *self.windows[0], self.filter_sizes[3])

    @property
    def output_padding(self) -> Pair:
        """Positions that a transposed convolution must add at the end if it crops both sides by the padding before."""
        (top, bottom), (left, right) = self.pads
        _, (height, width) = self.windows
        return height + top - bottom, width + left - right

    def check_transposed(self, input_shape: Any) -> None:
        """Raise ValueError unless conv2d_transpose's `input` has the shape of this convolution's output."""
        channels, needed = self.input_sizes[3], self.filter_sizes[2] * self.groups
        if tuple(input_shape) != self.output_shape or channels != needed:
            raise ValueError(
                f"input must have the shape that conv2d gives for output_shape: {tuple(input_shape)} is not "
                f"{self.output_shape}, or output_shape has {channels} channels and not {self.filter_sizes[2]} * "
                f"{self.groups} groups"
            )
