"""Element: one element of an operation's result, and the products that it sums."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from ..cases.case import Case
from ..geometry import Axis
from ..operations import OPERATIONS
from ..verdicts.call import Call, array_shapes, numpy_dtype

Index = tuple[int, ...]
Ask = Callable[[Sequence[Call]], Sequence[Any]]
"""Makes several calls of one kernel, and returns all answers."""

# The axes of the sums. The first name is for the kernel's rows or the images.
OF_TAPS = ("kernel rows", "kernel columns", "channels")
OF_POSITIONS = ("images", "rows", "columns")
_MOST_CALLS, _MOST_BYTES = 64, 1 << 26  # at once


@dataclass(frozen=True)
class Term:
    """One product of a sum.

    Parameters
    ----------
    label : its place along the axes of the sum: (p, q, channel), or (image, row, column) in the filter gradient
    first, second : the indices of its factors in the operation's two arrays
    """

    label: Index
    first: Index
    second: Index


@dataclass(frozen=True)
class Element:
    """One element of an operation's result on a case."""

    operation: str
    case: Case
    index: Index

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Its products, in the order of their labels."""
        if self.operation not in OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}; not {self.operation!r}")
        listed = {"conv2d": self._forward, "conv2d_backprop_filter": self._of_filter}
        return tuple(listed.get(self.operation, self._of_input)())

    @property
    def axes(self) -> tuple[str, str, str]:
        return OF_POSITIONS if self.operation == "conv2d_backprop_filter" else OF_TAPS

    def _forward(self) -> Iterator[Term]:
        image, row, column, output = self.index
        of_group = self.case.input_channels // self.case.groups
        first = output // (self.case.output_channels // self.case.groups) * of_group
        for (p, h), (q, w) in product(*self._windows(row, column)):
            for channel in range(of_group):
                yield Term((p, q, channel), (image, h, w, first + channel), (p, q, channel, output))

    def _of_input(self) -> Iterator[Term]:
        image, row, column, channel = self.index
        of_group = self.case.output_channels // self.case.groups
        group, within = divmod(channel, self.case.input_channels // self.case.groups)
        for (p, h), (q, w) in product(*self._windows(row, column)):
            for output in range(of_group):
                filters, cotangent = (p, q, within, group * of_group + output), (image, h, w, group * of_group + output)
                pair = (cotangent, filters) if self.operation == "conv2d_transpose" else (filters, cotangent)
                yield Term((p, q, output), *pair)

    def _of_filter(self) -> Iterator[Term]:
        p, q, channel, output = self.index
        first = (
            output // (self.case.output_channels // self.case.groups) * (self.case.input_channels // self.case.groups)
        )
        for image in range(self.case.batch):
            for (row, h), (column, w) in product(*self._windows(p, q)):
                yield Term((image, row, column), (image, h, w, first + channel), (image, row, column, output))

    def _windows(self, *places: int) -> list:
        pairs = _PAIRS[self.operation]
        return [pairs(axis, place) for axis, place in zip(self.case.convolution.axes, places, strict=True)]

    def call(self, first: np.ndarray, second: np.ndarray, around: float = 1.0) -> Call:
        """Make a call in which these are the factors of the products. All other elements are `around`."""
        dtype = numpy_dtype(self.case.dtype)
        arrays = {}
        places = (self._places[0], first), (self._places[1], second)
        for (name, shape), (place, values) in zip(array_shapes(self.case, self.operation).items(), places, strict=True):
            arrays[name] = np.full(shape, around, dtype)
            arrays[name][place] = values.astype(dtype)
        return Call(self.operation, self.case, arrays)

    @cached_property
    def _places(self) -> tuple[tuple, tuple]:
        first = tuple(np.array([term.first for term in self.terms]).T)
        return first, tuple(np.array([term.second for term in self.terms]).T)


def _read_by(axis: Axis, output: int) -> list[tuple[int, int]]:
    """The (tap, input position) pairs of one output position, without padding."""
    reads = ((tap, output * axis.stride + tap * axis.dilation - axis.pad_before) for tap in range(axis.kernel_size))
    return [(tap, position) for tap, position in reads if 0 <= position < axis.input_size]


def _reading(axis: Axis, position: int) -> list[tuple[int, int]]:
    """The (tap, output position) pairs that read one input position."""
    found = []
    for tap in range(axis.kernel_size):
        output, left = divmod(position + axis.pad_before - tap * axis.dilation, axis.stride)
        if not left and 0 <= output < axis.output_size:
            found.append((tap, output))
    return found


def _tapped(axis: Axis, tap: int) -> list[tuple[int, int]]:
    """The (output position, input position) pairs of one tap, without padding."""
    reads = (
        (output, output * axis.stride + tap * axis.dilation - axis.pad_before) for output in range(axis.output_size)
    )
    return [(output, position) for output, position in reads if 0 <= position < axis.input_size]


_PAIRS: dict[str, Callable[[Axis, int], list[tuple[int, int]]]] = {
    "conv2d": _read_by,
    "conv2d_backprop_input": _reading,
    "conv2d_backprop_filter": _tapped,
    "conv2d_transpose": _reading,
}


def result_shape(operation: str, case: Case) -> tuple[int, ...]:
    """The shape of an operation's result."""
    shapes = {"conv2d": case.output_shape, "conv2d_backprop_filter": case.filter_sizes}
    return shapes.get(operation, case.input_sizes)


def middle_of(operation: str, case: Case) -> Element:
    """An element in the middle of an operation's result."""
    return Element(operation, case, tuple(size // 2 for size in result_shape(operation, case)))


def places_along(operation: str, case: Case) -> list[dict[Index, list[int]]]:
    """The rows, and the columns, of an operation's result, by the labels of their products along that axis.

    Padding has no products. So the places at a border have fewer labels than those in the middle.
    """
    first = 0 if operation == "conv2d_backprop_filter" else 1
    found: list[dict[Index, list[int]]] = []
    for axis, size in zip(case.convolution.axes, result_shape(operation, case)[first:]):
        places: dict[Index, list[int]] = {}
        for place in range(size):
            places.setdefault(tuple(label for label, _ in _PAIRS[operation](axis, place)), []).append(place)
        found.append(places)
    return found


def at_once(size: int) -> int:
    """Return how many calls are made together, if the arrays of one have so many bytes."""
    return max(1, min(_MOST_CALLS, _MOST_BYTES // max(size, 1)))


class Probe:
    """Asks a kernel for one element, with chosen products."""

    def __init__(self, ask: Ask, element: Element) -> None:
        self.ask, self.element = ask, element
        self.calls = 0
        self.dtype = element.case.dtype
        """The dtype of the answers: a kernel may give wider ones than it was given."""

    @property
    def terms(self) -> int:
        return len(self.element.terms)

    def sums(self, first: np.ndarray, second: np.ndarray, around: float = 1.0) -> np.ndarray:
        """Return the element, as float64, for each row of first and second factors."""
        found: list[float] = []
        shapes = array_shapes(self.element.case, self.element.operation).values()
        several = at_once(sum(map(math.prod, shapes)) * numpy_dtype(self.element.case.dtype).itemsize)
        for start in range(0, len(first), several):
            rows = slice(start, start + several)
            calls = [
                self.element.call(one, other, around) for one, other in zip(first[rows], second[rows], strict=True)
            ]
            answers = self.ask(calls)
            found += [float(answer[self.element.index]) for answer in answers]
            self.dtype = np.asarray(answers[-1]).dtype.name
        self.calls += len(found)
        return np.array(found)
