"""The view of a gradient that is drawn as a convolution: the picture shows a `conv2d`, the words name the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from ..verdicts.call import Call
from . import cells
from .as_convolution import FILTER_GRADIENT, SpreadAxis
from .cells import Position
from .marks import Mark
from .view import View, check_drawable

# The plane of the gradient that each plane of the `conv2d` is.
_PLANES = {
    "conv2d_backprop_input": {"input": "output", "tap": "tap", "output": "input"},
    "conv2d_backprop_filter": {"input": "input", "tap": "output", "output": "tap"},
    "conv2d_transpose": {"input": "output", "tap": "tap", "output": "input"},
}


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
