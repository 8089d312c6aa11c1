"""The cells that feed each other: the products of one image and one pair of channels, by position."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod
from typing import NamedTuple

from ..geometry import Axis, Convolution

Position = tuple[int, int]
"""A row and a column."""

# The planes that each operation needs, as fields of `Product`: two that it reads, then the one that it sums into.
PLANES = {
    "conv2d": ("input", "tap", "output"),
    "conv2d_backprop_input": ("output", "tap", "input"),
    "conv2d_backprop_filter": ("input", "output", "tap"),
    "conv2d_transpose": ("output", "tap", "input"),
}


class Product(NamedTuple):
    """The positions of one product in the forward convolution; `input` lies outside the image if it is padding."""

    input: Position
    tap: Position
    output: Position


class Read(NamedTuple):
    """One product along one axis: position `output` reads position `input` at `tap`."""

    input: int
    tap: int
    output: int


def summed(convolution: Convolution, operation: str, position: Position) -> list[Product]:
    """Return the products that the element at `position` of the result sums, those with padding included."""
    plane = PLANES[operation][-1]
    rows, columns = (
        [read for read in _reads(axis) if getattr(read, plane) == place]
        for axis, place in zip(convolution.axes, position, strict=True)
    )
    return [Product(*zip(row, column, strict=True)) for row, column in product(rows, columns)]


def size(convolution: Convolution, plane: str) -> Position:
    """Return the rows and columns of a plane, without padding."""
    shapes = {
        "input": convolution.input_sizes[1:3],
        "tap": convolution.kernel_size,
        "output": convolution.output_shape[1:3],
    }
    return shapes[plane]


def positions(convolution: Convolution, plane: str) -> list[Position]:
    """Return all positions of a plane, without padding, row by row."""
    rows, columns = map(range, size(convolution, plane))
    return list(product(rows, columns))


def padding(convolution: Convolution) -> set[Position]:
    """Return the positions of the padding around the image."""
    return set(product(*padded_ranges(convolution))) - set(positions(convolution, "input"))


def padded_ranges(convolution: Convolution) -> tuple[range, range]:
    """Return the rows and columns of the padded input; 0 is the image's first."""
    rows, columns = (range(-axis.pad_before, axis.input_size + axis.pad_after) for axis in convolution.axes)
    return rows, columns


def unread(convolution: Convolution) -> set[Position]:
    """Return the positions of the image that no window reads."""
    rows, columns = ({read.input for read in _reads(axis)} for axis in convolution.axes)
    return set(positions(convolution, "input")) - set(product(rows, columns))


def telling(convolution: Convolution, operation: str) -> Position:
    """Return the position of the result that shows the most.

    It sums products of both padding and image, if any does. Of those, it sums the most products of the image, and of
    those it is the nearest to the middle.
    """
    plane = PLANES[operation][-1]
    axes = [_counts(axis, plane) for axis in convolution.axes]
    middle = [(places - 1) / 2 for places in size(convolution, plane)]

    def interest(position: Position) -> tuple[bool, int, float]:
        summed, inside = (
            prod(counts[place] for counts, place in zip(along, position, strict=True))
            for along in zip(*axes, strict=True)
        )
        distance = sum(abs(place - half) for place, half in zip(position, middle, strict=True))
        return 0 < inside < summed, inside, -distance

    return max(positions(convolution, plane), key=interest)


def _counts(axis: Axis, plane: str) -> tuple[Counter[int], Counter[int]]:
    """Count the products of each place of the plane along the axis: all, and those in the image."""
    reads = _reads(axis)
    inside = [read for read in reads if 0 <= read.input < axis.input_size]
    summed, there = (Counter(getattr(read, plane) for read in found) for found in (reads, inside))
    return summed, there


def _reads(axis: Axis) -> list[Read]:
    return [
        Read(output * axis.stride + tap * axis.dilation - axis.pad_before, tap, output)
        for output in range(axis.output_size)
        for tap in range(axis.kernel_size)
    ]
