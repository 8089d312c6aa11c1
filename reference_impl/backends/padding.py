"""Padding words as numbers, and the sizes that follow, for adapters whose framework has no such word.

Written apart from the oracle's own geometry, and differently: an adapter that asked the oracle how much to pad
would agree with it on a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def explicit(padding: Any, sizes: Any, kernel: Any, strides: Any, dilations: Any) -> Pads:
    """((top, bottom), (left, right)) of the forward convolution, in input positions.

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
    """How many windows fit, (height, width), and how many padded positions at the end none reads, likewise.

    The arguments are those of `explicit`, with its result for `padding`.
    """
    height, width = (
        divmod(size + sum(around) - (taps - 1) * dilation - 1, stride)
        for size, taps, stride, dilation, around in zip(sizes, kernel, strides, dilations, pads, strict=True)
    )
    return (height[0] + 1, width[0] + 1), (height[1], width[1])


def _along(word: str, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    reach = dilation * (kernel - 1)  # from a window's first position to its last
    if word == "VALID":
        return 0, 0
    if word == "FULL":
        return reach, reach
    if word not in ("SAME", "SAME_LOWER"):
        raise ValueError(f"padding must be one of VALID, SAME, SAME_LOWER, FULL; not {word!r}")
    # SAME has a window start at 0, stride, ... below size; padding is how far the last one sticks out.
    last_start = (size - 1) // stride * stride if size else 0
    total = max(last_start + reach + 1 - size, 0) if size else 0
    less, more = total // 2, total - total // 2
    return (less, more) if word == "SAME" else (more, less)


@dataclass(frozen=True)
class ForwardSizes:
    """The forward convolution, height first."""

    sizes: Pair
    kernel: Pair
    strides: Pair
    dilations: Pair
    groups: int
    padding: Any

    @property
    def pads(self) -> Pads:
        return explicit(self.padding, self.sizes, self.kernel, self.strides, self.dilations)

    @property
    def windows(self) -> tuple[Pair, Pair]:
        """How many fit, and the padded positions at the end that none reads."""
        return windows(self.pads, self.sizes, self.kernel, self.strides, self.dilations)

    @property
    def output_padding(self) -> Pair:
        """How much more a transposed convolution must keep at the end if it crops both sides by the padding before."""
        (top, bottom), (left, right) = self.pads
        _, (height, width) = self.windows
        return height + top - bottom, width + left - right

    def check_transposed(self, input_shape: Any, filter_sizes: Any, output_shape: Any) -> None:
        """Raise ValueError unless the convolution of `output_shape` has the shape of `input`."""
        batch, *_, channels = output_shape
        needed = (batch, *self.windows[0], filter_sizes[3])
        if tuple(input_shape) != needed or channels != filter_sizes[2] * self.groups:
            raise ValueError(
                f"input must have the shape that conv2d gives for output_shape: {tuple(input_shape)} is not {needed}, "
                f"or output_shape has {channels} channels and not {filter_sizes[2]} * {self.groups} groups"
            )
