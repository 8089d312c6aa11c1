"""Picture: the content of a drawing as data, that is three grids of cells, their marks, and the lines below."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from string import ascii_letters
from typing import Any

import numpy as np

from .. import operations
from ..verdicts.call import Call
from . import cells
from .cells import PLANES, Position, Product
from .marks import Mark
from .view import View

_MOST_LISTED = 64
_MOST_FACTORS = 27
_EXACT = (int, np.integer, Fraction)
# Below this, a float that is an integer is written in full.
_LARGE = 1e9


@dataclass(frozen=True)
class Grid:
    """One plane of one array. Position (0, 0) is the first that is not padding."""

    name: str
    notes: tuple[str, ...]
    rows: range
    columns: range
    marked: Mapping[Mark, set[Position]]
    texts: Mapping[Position, str]
    letters: Mapping[Position, str]
    """The same letter in two grids marks two cells that are multiplied."""


@dataclass(frozen=True)
class Picture:
    """Two grids that are multiplied, and the grid of the result."""

    heading: str
    grids: tuple[Grid, ...]
    lines: tuple[str, ...]

    @property
    def description(self) -> str:
        """The picture in words, for readers who cannot see it."""
        said = [self.heading]
        for grid in self.grids:
            said.append(", ".join([grid.name, *grid.notes]))
            said += [
                f"    {mark.value}: {_listed(grid.marked[mark])}"
                for mark in Mark
                if grid.marked.get(mark) and mark is not Mark.PADDING
            ]
        return "\n".join([*said, *self.lines])


def _listed(positions: set[Position]) -> str:
    some = [f"{row},{column}" for row, column in sorted(positions)[:_MOST_LISTED]]
    return " ".join(some) + (f" and {len(positions) - len(some)} more" if len(positions) > len(some) else "")


def picture(view: View, call: Call) -> Picture:
    """Return the picture of how the operation computes one element of its result."""
    products = cells.summed(view.case.convolution, view.operation, view.position)
    *read, summed = PLANES[view.operation]
    arrays = {plane: call.arrays[view.name(plane)] for plane in read} | {summed: call.run(operations)}
    arrays = {plane: plain(array) for plane, array in arrays.items()}
    return Picture(
        view.heading,
        tuple(grid(view, plane, products, arrays[plane]) for plane in PLANES[view.operation]),
        tuple(sum_in_words(view, products, arrays)),
    )


def grid(view: View, plane: str, products: list[Product], array: np.ndarray | None) -> Grid:
    """Return one plane of the view, with numbers if there is an array."""
    convolution, is_result = view.case.convolution, plane == PLANES[view.operation][-1]
    rows, columns = cells.padded_ranges(convolution) if plane == "input" else map(range, cells.size(convolution, plane))
    places = [getattr(product, plane) for product in products]
    marked = view.marked(plane) | ({Mark.SUM: {view.position}} if is_result else {Mark.TAKEN: set(places)})
    texts = {} if array is None else _texts(array[view.index(plane)])
    if texts and plane == "input" and not is_result:
        texts |= dict.fromkeys(cells.padding(convolution), "0")
    lettered = not is_result and len(places) <= len(ascii_letters)
    letters = dict(zip(places, ascii_letters)) if lettered else {}
    return Grid(view.title(plane), tuple(view.notes(plane)), rows, columns, marked, texts, letters)


def sum_in_words(view: View, products: list[Product], arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the element as a sum of products, or of those that are drawn; no lines if arrays are missing."""
    *read, summed = PLANES[view.operation]
    element = view.element_in_words
    if not products:
        return [f"{element} = 0: no window reads it"]
    if not all(plane in arrays for plane in PLANES[view.operation]):
        return []
    factors = [[_factor(view, plane, arrays[plane], getattr(one, plane)) for plane in read] for one in products]
    total, drawn = _item(arrays[summed][view.element]), sum(left * right for left, right in factors)
    count, what = view.summed_over()
    if count == 1:
        return [f"{element} = {_sum(factors, total)}"]
    whole = f"{element} {_equals([total])} {number(total)}, summed over {count} {what}"
    return [f"{whole}; the one drawn here gives {_sum(factors, drawn)}"]


def plain(array: np.ndarray) -> np.ndarray:
    """Convert to a dtype whose elements can be multiplied and printed."""
    if array.dtype == object:
        return array
    return array.astype(np.int64 if array.dtype.kind in "biu" else np.float64)


def number(value: Any) -> str:
    """Return a number as a text that is short enough for a cell."""
    if isinstance(value, _EXACT):
        return str(value)
    value = float(value)
    return str(int(value)) if value.is_integer() and abs(value) < _LARGE else f"{value:.3g}"


def _sum(factors: list[list[Any]], total: Any) -> str:
    if len(factors) > _MOST_FACTORS:
        return f"{number(total)}, the sum of {len(factors)} products"
    products = " + ".join(f"{_in_product(left)}·{_in_product(right)}" for left, right in factors)
    return f"{products} {_equals([total, *chain(*factors)])} {number(total)}"


def _in_product(value: Any) -> str:
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def _equals(values: list[Any]) -> str:
    exact = (isinstance(value, _EXACT) or value != value or float(number(value)) == value for value in values)
    return "=" if all(exact) else "≈"


def _factor(view: View, plane: str, array: np.ndarray, position: Position) -> Any:
    rows, columns = cells.size(view.case.convolution, plane)
    row, column = position
    inside = 0 <= row < rows and 0 <= column < columns
    return _item(array[view.index(plane)][position]) if inside else 0


def _item(value: Any) -> Any:
    """Convert to a number of Python's own, which neither overflows nor warns."""
    return value.item() if isinstance(value, np.generic) else value


def _texts(array: np.ndarray) -> dict[Position, str]:
    return {(row, column): number(value) for (row, column), value in np.ndenumerate(array)}
