"""Parts of a convolution, small enough to bound the scratch memory of exact results.

A part is a convolution of its own, on views of the arrays: some images, rows, columns, groups and channels. Halving it
along one axis gives two parts. Their results lie side by side, or they add up, as the operation has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .. import operations
from ..geometry import Axis, Convolution

# The axes along which the results of both halves lie side by side, and those along which they add up.
SIDE_BY_SIDE = {
    "conv2d": ("batch", "height", "width", "groups", "output_channels"),
    "conv2d_backprop_input": ("batch", "height", "width", "groups", "input_channels"),
    "conv2d_backprop_filter": ("groups", "input_channels", "output_channels"),
}
ADDED = {
    "conv2d": ("input_channels",),
    "conv2d_backprop_input": ("output_channels",),
    "conv2d_backprop_filter": ("batch", "height", "width"),
}


@dataclass(frozen=True)
class Part:
    """An operation on one part of a convolution. Views of its input, filters and output: two factors and the result."""

    operation: str
    convolution: Convolution
    input: np.ndarray
    filters: np.ndarray
    output: np.ndarray

    @property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        if self.operation == "conv2d":
            return self.input, self.filters
        return (self.filters if self.operation == "conv2d_backprop_input" else self.input), self.output

    @property
    def result(self) -> np.ndarray:
        return {"conv2d": self.output, "conv2d_backprop_input": self.input}.get(self.operation, self.filters)

    @property
    def size(self) -> int:
        return self.input.size + self.filters.size + self.output.size

    @property
    def products(self) -> int:
        return self.output.size * self.convolution.terms("conv2d")

    @cached_property
    def reached(self) -> Any:
        """Index of the elements of the result that sum a product. The others are zero."""
        if self.operation != "conv2d_backprop_input":
            return ...
        rows, columns = map(_positions_read, self.convolution.axes)
        if (len(rows), len(columns)) == self.input.shape[1:3]:
            return ...
        return slice(None), rows[:, np.newaxis], columns

    @cached_property
    def options(self) -> dict[str, Any]:
        convolution = self.convolution
        return {
            "strides": tuple(axis.stride for axis in convolution.axes),
            "padding": convolution.padding,
            "dilations": tuple(axis.dilation for axis in convolution.axes),
            "groups": convolution.groups,
        }

    def run(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return the ordinary operation on two arrays like the factors, at the elements that are `reached`."""
        if self.operation == "conv2d":
            return operations.conv2d(left, right, **self.options)
        if self.operation == "conv2d_backprop_filter":
            return operations.conv2d_backprop_filter(left, self.convolution.filter_sizes, right, **self.options)
        found = operations.conv2d_backprop_input(self.convolution.input_sizes, left, right, **self.options)
        return found if self.reached is ... else found[self.reached]

    def halves(self, axis: str) -> list[Part] | None:
        """Cut in two along an axis of the convolution. Return the halves that sum a product; None if it has length 1.

        Channels of several groups are not cut: the groups are.
        """
        convolution = self.convolution
        if axis in ("height", "width"):
            return self._spatial_halves(axis)
        length = getattr(convolution, axis)
        if length < 2 or (axis in ("input_channels", "output_channels") and convolution.groups > 1):
            return None
        found = []
        for half in (range(length // 2), range(length // 2, length)):
            images = inputs = outputs = of_filters = slice(None)
            sizes: dict[str, Any] = {axis: len(half)}
            if axis == "batch":
                images = _slice(half)
            elif axis == "input_channels":
                inputs = of_filters = _slice(half)
            elif axis == "output_channels":
                outputs = _slice(half)
            else:
                of_input, of_output = (n // length for n in (convolution.input_channels, convolution.output_channels))
                inputs, outputs = _slice(half, of_input), _slice(half, of_output)
                sizes |= {"input_channels": len(half) * of_input, "output_channels": len(half) * of_output}
            found.append(
                Part(
                    self.operation,
                    replace(convolution, **sizes),
                    self.input[images, ..., inputs],
                    self.filters[:, :, of_filters, outputs],
                    self.output[images, ..., outputs],
                )
            )
        return found

    def _spatial_halves(self, name: str) -> list[Part] | None:
        axis: Axis = getattr(self.convolution, name)
        of_inputs = self.operation == "conv2d_backprop_input"
        length = axis.input_size if of_inputs else axis.output_size
        if length < 2:
            return None
        found = []
        for half in (range(length // 2), range(length // 2, length)):
            inputs, outputs = (half, _readers(axis, half)) if of_inputs else (range(axis.input_size), half)
            if outputs:
                part, inputs = _part_of(axis, inputs, outputs)
                index = (slice(None),) * (1 if name == "height" else 2)
                arrays = self.input[(*index, _slice(inputs))], self.filters, self.output[(*index, _slice(outputs))]
                change: dict[str, Any] = {name: part}
                found.append(Part(self.operation, replace(self.convolution, **change), *arrays))
        return found


def bounded(part: Part, elements: int, products: float = math.inf) -> Iterator[tuple[Part, list[Part]]]:
    """Yield parts whose results lie side by side, each with the parts whose results add up to its own.

    A result has at most `elements`. Each part that is added has factors with at most four times as many, and takes at
    most so many `products`. All this holds if the kernel spans at most so many positions.
    """

    def fits(part: Part) -> bool:
        return part.size - part.result.size <= 4 * elements and part.products <= products

    def cut(part: Part) -> Iterator[Part]:
        halves = None if fits(part) else _best_halves(part, ADDED[part.operation])
        if halves is None:
            yield part
        for half in halves or ():
            yield from cut(half)

    added = list(cut(part)) if part.result.size <= elements else []
    halves = None if added and all(map(fits, added)) else _best_halves(part, SIDE_BY_SIDE[part.operation])
    if halves is None:
        yield part, added or list(cut(part))
    for half in halves or ():
        yield from bounded(half, elements, products)


def _best_halves(part: Part, axes: Sequence[str]) -> list[Part] | None:
    """Cut along the axis that leaves the least elements, or the first that leaves about as few. None if none can be."""
    cuts = [halves for halves in map(part.halves, axes) if halves is not None]
    return min(
        cuts, key=lambda halves: round(4 * math.log2(1 + max((half.size for half in halves), default=0))), default=None
    )


def _slice(numbers: range, step: int = 1) -> slice:
    return slice(numbers.start * step, numbers.stop * step)


def _readers(axis: Axis, inputs: range) -> range:
    """Return the outputs whose windows span some of these input positions."""
    first = -(-(inputs.start + axis.pad_before - axis.kernel_extent + 1) // axis.stride)
    last = (inputs.stop - 1 + axis.pad_before) // axis.stride
    return range(max(first, 0), min(last + 1, axis.output_size))


def _part_of(axis: Axis, inputs: range, outputs: range) -> tuple[Axis, range]:
    """Return the axis from some inputs to some outputs, and those of the inputs that the windows span."""
    start = outputs.start * axis.stride - axis.pad_before
    span = (len(outputs) - 1) * axis.stride + axis.kernel_extent
    first = min(max(inputs.start, start), inputs.stop)
    read = range(first, max(min(inputs.stop, start + span), first))
    before = min(max(read.start - start, 0), span)
    return replace(axis, input_size=len(read), pad_before=before, pad_after=span - before - len(read)), read


def _positions_read(axis: Axis) -> np.ndarray:
    """Return the input positions that a window reads, in order."""
    read = np.zeros(axis.input_size, bool)
    for tap in range(axis.kernel_size):
        read[axis.reads(tap, range(axis.output_size))[1]] = True
    return np.flatnonzero(read)
