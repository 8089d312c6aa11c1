"""Each gradient, and `conv2d_transpose`, as one `conv2d`: the errors spread by the stride, under or over the rest.

    input gradient   conv2d of (errors, spread and padded) with (filters, rotated by 180 degrees), at stride 1
    filter gradient  conv2d of (input) with (errors, spread), at the forward dilation as its stride

Along one axis, with extent = (kernel - 1) * dilation + 1, the spread errors have stride - 1 zeros between them. Around
them lie extent - 1 - pad_before zeros before and extent - 1 - pad_after + leftover after. A negative number crops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from .. import operations
from ..arguments import Padding
from ..cases.case import Case
from ..geometry import Axis
from ..verdicts.call import Call
from . import cells
from .cells import Position
from .marks import Mark
from .view import View, check_drawable

FILTER_GRADIENT = "conv2d_backprop_filter"

# The plane of the gradient that each plane of the `conv2d` is.
_PLANES = {
    "conv2d_backprop_input": {"input": "output", "tap": "tap", "output": "input"},
    "conv2d_backprop_filter": {"input": "input", "tap": "output", "output": "tap"},
    "conv2d_transpose": {"input": "output", "tap": "tap", "output": "input"},
}


@dataclass(frozen=True)
class SpreadAxis:
    """Errors along one axis, `stride` apart: how many positions remain if it is cropped, and the zeros around."""

    axis: Axis
    cropped_before: int
    cropped_after: int
    size: int
    before: int
    after: int

    @classmethod
    def around(cls, axis: Axis) -> SpreadAxis:
        """Return the field of errors for the input gradient.

        Raises
        ------
        ValueError
            If all errors are cropped: no window reads the input.
        """
        before = axis.kernel_extent - 1 - axis.pad_before
        after = axis.kernel_extent - 1 - axis.pad_after + axis.leftover
        cropped_before, cropped_after = max(-before, 0), max(-after, 0)
        size = (axis.output_size - 1) * axis.stride + 1 - cropped_before - cropped_after
        if size < 1:
            raise ValueError(f"no window reads the input along {axis.name}, so no error is left to convolve")
        return cls(axis, cropped_before, cropped_after, size, max(before, 0), max(after, 0))

    @classmethod
    def alone(cls, axis: Axis) -> SpreadAxis:
        """Return the errors as a kernel, for the filter gradient."""
        return cls(axis, 0, 0, (axis.output_size - 1) * axis.stride + 1, 0, 0)

    @property
    def kept(self) -> slice:
        """The part of the spread errors that is not cropped."""
        return slice(self.cropped_before, self.cropped_before + self.size)

    @property
    def places(self) -> range:
        """All positions, with the zeros around; 0 is the first that is not cropped."""
        return range(-self.before, self.size + self.after)

    def is_between(self, place: int) -> bool:
        """True for a zero between errors."""
        return 0 <= place < self.size and (place + self.cropped_before) % self.axis.stride > 0

    def is_leftover(self, place: int) -> bool:
        """True for a zero after the errors that stands for a position which no window reads."""
        return place >= self.size + self.after - min(_unread_at_end(self.axis), self.after)


def convolution_of(call: Call) -> Call:
    """Return the `conv2d` that computes the gradient which `call` asks for.

    Raises
    ------
    ValueError
        If the operation is `conv2d`, if no window reads the input, or if a number is infinite or NaN.
    """
    if call.operation not in _PLANES:
        raise ValueError(f"{call.operation} is a convolution already; as one, draw {', '.join(_PLANES)}")
    for name, array in call.arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite to be drawn as a convolution, which multiplies it by zeros")
    if call.operation == FILTER_GRADIENT:
        return _filter_gradient(call.case, call.arrays["input"], call.arrays["out_backprop"])
    errors = call.arrays["input" if call.operation == "conv2d_transpose" else "out_backprop"]
    return _input_gradient(call.case, call.arrays["filters"], errors)


def gradient(call: Call, convolution: Call) -> np.ndarray:
    """Return the gradient that `call` asks for, by its `convolution`."""
    answer = convolution.run(operations)
    return answer.transpose(1, 2, 0, 3) if call.operation == FILTER_GRADIENT else answer


def _input_gradient(case: Case, filters: np.ndarray, errors: np.ndarray) -> Call:
    rows, columns = (SpreadAxis.around(axis) for axis in case.convolution.axes)
    # (kh, kw, i, groups * o) to (kh, kw, o, groups * i): input and output channels change places in each group.
    split = filters[::-1, ::-1].reshape(*case.kernel_size, case.filter_sizes[2], case.groups, -1)
    turned = split.transpose(0, 1, 4, 3, 2).reshape(*case.kernel_size, -1, case.input_channels)
    plain = Case(
        case.batch,
        rows.size,
        columns.size,
        case.output_channels,
        case.kernel_size,
        case.input_channels,
        dilations=case.dilations,
        groups=case.groups,
        padding=_padding((rows.before, rows.after), (columns.before, columns.after)),
    )
    return Call("conv2d", plain, {"input": _spread(case, errors)[:, rows.kept, columns.kept], "filters": turned})


def _filter_gradient(case: Case, input: np.ndarray, errors: np.ndarray) -> Call:
    (height, rows), (width, columns) = map(_read, case.convolution.axes)
    groups, channels, batch = case.groups, case.filter_sizes[2], case.batch
    # (N, H, W, groups * i) to (i, H, W, groups * N): the images of each group become its channels.
    split = input[:, :height, :width].reshape(batch, height, width, groups, channels)
    images = split.transpose(4, 1, 2, 3, 0).reshape(channels, height, width, groups * batch)
    kernel = _spread(case, errors).transpose(1, 2, 0, 3)
    plain = Case(
        channels,
        height,
        width,
        groups * batch,
        kernel.shape[:2],
        case.output_channels,
        strides=case.dilations,
        groups=groups,
        padding=_padding(rows, columns),
    )
    return Call("conv2d", plain, {"input": images, "filters": kernel})


def _padding(rows: tuple[int, int], columns: tuple[int, int]) -> Padding:
    return (rows, columns) if any(rows + columns) else "VALID"


def _read(axis: Axis) -> tuple[int, tuple[int, int]]:
    """Return how many input positions windows reach, and the padding around those."""
    size = axis.input_size - _unread_at_end(axis)
    if size < 1:
        raise ValueError(f"no window reads the input along {axis.name}, so there is nothing to convolve")
    return size, (axis.pad_before, max(axis.pad_after - axis.leftover, 0))


def _unread_at_end(axis: Axis) -> int:
    """Return the number of input positions, padding not counted, after the end of the last window."""
    return max(axis.leftover - axis.pad_after, 0)


def _spread(case: Case, errors: np.ndarray) -> np.ndarray:
    """Return the errors with stride - 1 zeros between them."""
    sizes = [(axis.output_size - 1) * axis.stride + 1 for axis in case.convolution.axes]
    field = np.zeros((errors.shape[0], *sizes, errors.shape[3]), errors.dtype)
    field[:, :: case.strides[0], :: case.strides[1]] = errors
    return field


@dataclass(frozen=True)
class ConvolutionView(View):
    """The view of the `conv2d` that computes a gradient; in words and indices, the view of that gradient."""

    source: View

    @classmethod
    def of(cls, view: View, convolution: Call) -> ConvolutionView:
        """Return the view of `convolution`, which computes what `view` shows.

        Raises
        ------
        ValueError
            If the convolution is too large to draw.
        """
        check_drawable(convolution.case)
        image, channels = view.image, (view.output_channel, view.input_channel)
        if view.operation == FILTER_GRADIENT:
            image = view.input_channel % view.case.filter_sizes[2]
            channels = view.group * view.case.batch + view.image, view.output_channel
        return cls(convolution.case, "conv2d", view.position, image, *channels, source=view)

    @property
    def original(self) -> View:
        """The view of the gradient."""
        if self.source.operation == FILTER_GRADIENT:
            group, image = divmod(self.input_channel, self.source.case.batch)
            channels = group * self.source.case.filter_sizes[2] + self.image, self.output_channel
        else:
            image, channels = self.image, (self.output_channel, self.input_channel)
        input_channel, output_channel = channels
        return replace(
            self.source,
            position=self.position,
            image=image,
            input_channel=input_channel,
            output_channel=output_channel,
        )

    @property
    def heading(self) -> str:
        return f"{self.source.heading}, as conv2d on {self.case}"

    @property
    def element_in_words(self) -> str:
        return self.original.element_in_words

    def title(self, plane: str) -> str:
        title = self.original.title(self._original_plane(plane))
        if self._original_plane(plane) == "output" and self.source.case.strides != (1, 1):
            return f"{title}, spread"
        return f"{title}, rotated" if self._original_plane(plane) == plane == "tap" else title

    def summed_over(self) -> tuple[int, str]:
        return self.source.summed_over()

    def marked(self, plane: str) -> dict[Mark, set[Position]]:
        original = self._original_plane(plane)
        if original == "input":
            unread = cells.unread(self.source.case.convolution) & set(cells.positions(self.case.convolution, plane))
            return super().marked(plane) | {Mark.UNREAD: unread}
        if original == "tap":
            return {}
        rows, columns = self._spread_axes()
        core = set(product(range(rows.size), range(columns.size)))
        places = set(product(rows.places, columns.places))
        between = {(row, column) for row, column in core if rows.is_between(row) or columns.is_between(column)}
        leftover = {(row, column) for row, column in places if rows.is_leftover(row) or columns.is_leftover(column)}
        return {Mark.PADDING: places - core - leftover, Mark.BETWEEN: between, Mark.LEFTOVER: leftover}

    def notes(self, plane: str) -> Iterator[str]:
        original = self._original_plane(plane)
        if original != "output":
            size, *rest = super().notes(plane)
            whole = "{}x{}".format(*cells.size(self.source.case.convolution, original))
            yield size if size == whole else f"{size} of {whole}: no window reads the rest"
            yield from rest
            return
        axes = self._spread_axes()
        yield "{}x{} errors".format(*self.source.case.output_shape[1:3])
        if self.source.case.strides != (1, 1):
            yield "zeros between: {} and {}".format(*(each.axis.stride - 1 for each in axes))
        if plane == "input":
            rows, columns = axes
            yield f"zeros around: {rows.before}+{rows.after} rows, {columns.before}+{columns.after} columns"
            cropped = [rows.cropped_before, rows.cropped_after, columns.cropped_before, columns.cropped_after]
            if any(cropped):
                yield "cropped: {}+{} rows, {}+{} columns".format(*cropped)

    def _original_plane(self, plane: str) -> str:
        return _PLANES[self.source.operation][plane]

    def _spread_axes(self) -> list[SpreadAxis]:
        make = SpreadAxis.alone if self.source.operation == FILTER_GRADIENT else SpreadAxis.around
        return [make(axis) for axis in self.source.case.convolution.axes]
