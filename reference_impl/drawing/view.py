"""View: the element of a result to draw, and the image and channels of its products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import arguments
from ..cases.case import Case
from ..operations import OPERATIONS
from . import cells
from .cells import Position
from .marks import Mark

# The most positions along an axis, with padding.
MOST_ACROSS = 64

_EVERY = slice(None)

_RESULTS = {
    "conv2d": "output",
    "conv2d_backprop_input": "input_backprop",
    "conv2d_backprop_filter": "filter_backprop",
    "conv2d_transpose": "output",
}


@dataclass(frozen=True)
class View:
    """`position` is in the plane of the operation's result; the channels are those of the forward convolution."""

    case: Case
    operation: str
    position: Position
    image: int
    input_channel: int
    output_channel: int

    @classmethod
    def chosen(
        cls,
        case: Case,
        operation: str,
        position: Sequence[int] | None = None,
        image: int = 0,
        input_channel: int | None = None,
        output_channel: int | None = None,
    ) -> View:
        """Return the view of these numbers; without them, a telling position, and the first image and channels.

        Raises
        ------
        ValueError
            If the operation is unknown, or the case is too large or has a size of 0.
            If a number is out of range, or the two channels are of different groups.
        """
        if operation not in OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}; not {operation!r}")
        check_drawable(case)
        _check_below(image, case.batch, "image")
        _check_below(input_channel or 0, case.input_channels, "input channel")
        _check_below(output_channel or 0, case.output_channels, "output channel")
        inputs, outputs = case.filter_sizes[2], case.output_channels // case.groups
        if input_channel is None:
            input_channel = 0 if output_channel is None else output_channel // outputs * inputs
        if output_channel is None:
            output_channel = input_channel // inputs * outputs
        if input_channel // inputs != output_channel // outputs:
            raise ValueError(
                f"the two channels must be of one group: input channel {input_channel} is of group "
                f"{input_channel // inputs}, output channel {output_channel} of group {output_channel // outputs}"
            )
        if position is None:
            position = cells.telling(case.convolution, operation)
        row, column = arguments.pair(position, "position", at_least=0)
        rows, columns = cells.size(case.convolution, cells.PLANES[operation][-1])
        _check_below(row, rows, "row")
        _check_below(column, columns, "column")
        return cls(case, operation, (row, column), image, input_channel, output_channel)

    @classmethod
    def of_element(cls, case: Case, operation: str, index: tuple[int, ...]) -> View:
        """Return the view of one element of the operation's result, with the first channel that it sums over."""
        plane = cells.PLANES[operation][-1]
        if plane == "tap":
            *position, channel, output_channel = index
            group = output_channel // (case.output_channels // case.groups)
            return cls.chosen(case, operation, position, 0, group * case.filter_sizes[2] + channel, output_channel)
        image, *position, channel = index
        return cls.chosen(case, operation, position, image, **{f"{plane}_channel": channel})

    @property
    def group(self) -> int:
        return self.input_channel // self.case.filter_sizes[2]

    def index(self, plane: str) -> tuple[Any, ...]:
        """Return the index of the drawn rows and columns in the array of that plane."""
        if plane == "tap":
            return _EVERY, _EVERY, self.input_channel % self.case.filter_sizes[2], self.output_channel
        return self.image, _EVERY, _EVERY, self.input_channel if plane == "input" else self.output_channel

    @property
    def element(self) -> tuple[int, ...]:
        """The index of the element in the result."""
        place = iter(self.position)
        return tuple(next(place) if each == _EVERY else each for each in self.index(cells.PLANES[self.operation][-1]))

    def shape(self, plane: str) -> tuple[int, ...]:
        """Return the shape of the array of that plane."""
        case = self.case
        return {"input": case.input_sizes, "tap": case.filter_sizes, "output": case.output_shape}[plane]

    def name(self, plane: str) -> str:
        """Return the operation's name for the array of that plane."""
        if plane == cells.PLANES[self.operation][-1]:
            return _RESULTS[self.operation]
        if plane == "output":
            return "input" if self.operation == "conv2d_transpose" else "out_backprop"
        return {"input": "input", "tap": "filters"}[plane]

    def title(self, plane: str) -> str:
        """Return the array's name, with the index of the part that is drawn if that is not all."""
        index, shape = self.index(plane), self.shape(plane)
        if all(size == 1 for size, each in zip(shape, index, strict=True) if each != _EVERY):
            return self.name(plane)
        return f"{self.name(plane)}[{', '.join(':' if each == _EVERY else str(each) for each in index)}]"

    @property
    def heading(self) -> str:
        return f"{self.operation} on {self.case}"

    @property
    def element_in_words(self) -> str:
        """The element as an index into the result, for example output[0, 2, 3, 1]."""
        return f"{self.name(cells.PLANES[self.operation][-1])}[{', '.join(map(str, self.element))}]"

    def inputs(self) -> list[View]:
        """Return the views of all input channels of the group, with this output channel."""
        channels = self.case.filter_sizes[2]
        return [replace(self, input_channel=self.group * channels + each) for each in range(channels)]

    def outputs(self) -> list[View]:
        """Return the views of all output channels of the group, with this input channel."""
        channels = self.case.output_channels // self.case.groups
        return [replace(self, output_channel=self.group * channels + each) for each in range(channels)]

    def channels(self) -> list[View]:
        """Return the views whose products the element sums, one for each channel."""
        if self.operation == "conv2d":
            return self.inputs()
        return [self] if self.operation == "conv2d_backprop_filter" else self.outputs()

    def all_channels(self, plane: str) -> list[list[View]]:
        """Return the views of all channels of a plane, in rows."""
        if plane == "input":
            return [[view] for view in self.inputs()]
        if plane == "output":
            return [[view] for view in self.outputs()]
        if self.operation in ("conv2d", "conv2d_backprop_filter"):
            return [view.outputs() for view in self.inputs()]
        return [view.inputs() for view in self.outputs()]

    def summed_over(self) -> tuple[int, str]:
        """Return how many images or channels the element sums over, and which of the two."""
        if self.operation == "conv2d":
            return self.case.filter_sizes[2], "channels"
        if self.operation == "conv2d_backprop_filter":
            return self.case.batch, "images"
        return self.case.output_channels // self.case.groups, "channels"

    def marked(self, plane: str) -> dict[Mark, set[Position]]:
        """Return the marks of a plane that do not depend on the element."""
        if plane != "input":
            return {}
        return {Mark.PADDING: cells.padding(self.case.convolution), Mark.UNREAD: cells.unread(self.case.convolution)}

    def notes(self, plane: str) -> Iterator[str]:
        """Yield the facts that the grid cannot show."""
        case = self.case
        yield "{}x{}".format(*cells.size(case.convolution, plane))
        if plane == "input" and cells.padding(case.convolution):
            rows, columns = case.convolution.padding
            yield "padding {}+{} rows, {}+{} columns".format(*rows, *columns)
        if plane == "tap" and case.dilations != (1, 1):
            yield "dilation {}x{}".format(*case.dilations)
        if plane == "output" and case.strides != (1, 1):
            yield "stride {}x{}".format(*case.strides)
        if plane == "tap" and case.groups > 1:
            yield f"group {self.group} of {case.groups}"


def check_drawable(case: Case) -> None:
    if min(*case.input_sizes, *case.filter_sizes) < 1:
        raise ValueError(f"a picture needs at least one image, channel and position; {case} has a size of 0")
    for axis in case.convolution.axes:
        if axis.padded_size > MOST_ACROSS:
            raise ValueError(
                f"a picture shows at most {MOST_ACROSS} positions along an axis; {case} has {axis.padded_size} "
                f"along {axis.name} (input {axis.input_size}, padding {axis.pad_before}+{axis.pad_after})"
            )


def _check_below(value: int, stop: int, what: str) -> None:
    if not 0 <= value < stop:
        raise ValueError(f"{what} must be from 0 to {stop - 1}, not {value}")
