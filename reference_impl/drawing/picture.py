"""Picture: the content of a drawing as data, that is grids of cells, their marks, and the lines below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


Block = tuple[tuple[Grid, ...], ...]
"""The grids of one array, in rows: one grid, or one for each channel."""

Term = tuple[View, Product]
"""A product, and the view of its channels."""


@dataclass(frozen=True)
class Picture:
    """Blocks of grids that are multiplied, and the block of the result."""

    heading: str
    blocks: tuple[Block, ...]
    lines: tuple[str, ...]

    @property
    def grids(self) -> tuple[Grid, ...]:
        """All grids, block by block."""
        return tuple(grid for block in self.blocks for row in block for grid in row)

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


def picture(view: View, call: Call, all_channels: bool = False) -> Picture:
    """Return the picture of how the operation computes one element of its result."""
    planes = PLANES[view.operation]
    arrays = arrays_of(view, call)
    terms = terms_of(view, all_channels)
    blocks = []
    for plane in planes:
        shown = view.all_channels(plane) if all_channels else [[view]]
        grids = [[grid(each, plane, view, terms, arrays[plane]) for each in row] for row in shown]
        first = grids[0][0]
        blocks.append(tuple(tuple(each if each is first else replace(each, notes=()) for each in row) for row in grids))
    return Picture(view.heading, tuple(blocks), tuple(sum_in_words(view, terms, arrays)))


def arrays_of(view: View, call: Call) -> dict[str, np.ndarray]:
    """Return the arrays of a call and its answer, by plane."""
    *read, summed = PLANES[view.operation]
    arrays = {plane: call.arrays[view.name(plane)] for plane in read} | {summed: call.run(operations)}
    return {plane: plain(array) for plane, array in arrays.items()}


def terms_of(view: View, all_channels: bool = False) -> list[Term]:
    """Return the products that the element sums: of the drawn channels, or of all."""
    products = cells.summed(view.case.convolution, view.operation, view.position)
    return [(part, one) for part in (view.channels() if all_channels else [view]) for one in products]


def grid(view: View, plane: str, target: View, terms: Sequence[Term], array: np.ndarray | None) -> Grid:
    """Return one plane of the view, with numbers if there is an array. `target` is the view of the element."""
    convolution, is_result = view.case.convolution, plane == PLANES[view.operation][-1]
    rows, columns = cells.padded_ranges(convolution) if plane == "input" else map(range, cells.size(convolution, plane))
    here = [
        (number, getattr(one, plane))
        for number, (part, one) in enumerate(terms)
        if part.index(plane) == view.index(plane)
    ]
    marked = view.marked(plane)
    if not is_result:
        marked[Mark.TAKEN] = {place for _, place in here}
    elif view.index(plane) == target.index(plane):
        marked[Mark.SUM] = {target.position}
    texts = {} if array is None else texts_of(array[view.index(plane)])
    if texts and plane == "input" and not is_result:
        texts |= dict.fromkeys(cells.padding(convolution), "0")
    lettered = not is_result and len(terms) <= len(ascii_letters)
    letters = {place: ascii_letters[number] for number, place in here} if lettered else {}
    return Grid(view.title(plane), tuple(view.notes(plane)), rows, columns, marked, texts, letters)


def sum_in_words(view: View, terms: Sequence[Term], arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Return the element as a sum of products, or of those that are drawn; no lines if arrays are missing."""
    *read, summed = PLANES[view.operation]
    element = view.element_in_words
    if not terms:
        return [f"{element} = 0: no window reads it"]
    if not all(plane in arrays for plane in PLANES[view.operation]):
        return []
    factors = [[_factor(part, plane, arrays[plane], getattr(one, plane)) for plane in read] for part, one in terms]
    total = item(arrays[summed][view.element])
    count, what = view.summed_over()
    parts = len({part for part, _ in terms})
    if count == 1 or (count == parts and len(factors) <= _MOST_FACTORS):
        return [f"{element} = {formula(factors, total)}"]
    each = len(factors) // parts
    if count == parts:
        sums = [sum(left * right for left, right in factors[at : at + each]) for at in range(0, len(factors), each)]
        said = " + ".join(in_sum(one) for one in sums)
        return [
            f"{element} = {said} {equals([total, *sums])} {number(total)}: {each} products in each of {count} {what}"
        ]
    drawn = sum(left * right for left, right in factors)
    whole = f"{element} {equals([total])} {number(total)}, summed over {count} {what}"
    return [f"{whole}; the one drawn here gives {formula(factors, drawn)}"]


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


def formula(factors: list[list[Any]], total: Any) -> str:
    if len(factors) > _MOST_FACTORS:
        return f"{number(total)}, the sum of {len(factors)} products"
    products = " + ".join(f"{in_sum(left)}·{in_sum(right)}" for left, right in factors)
    return f"{products} {equals([total, *chain(*factors)])} {number(total)}"


def in_sum(value: Any) -> str:
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def equals(values: list[Any]) -> str:
    exact = (isinstance(value, _EXACT) or value != value or float(number(value)) == value for value in values)
    return "=" if all(exact) else "≈"


def _factor(view: View, plane: str, array: np.ndarray, position: Position) -> Any:
    rows, columns = cells.size(view.case.convolution, plane)
    row, column = position
    inside = 0 <= row < rows and 0 <= column < columns
    return item(array[view.index(plane)][position]) if inside else 0


def item(value: Any) -> Any:
    """Convert to a number of Python's own, which neither overflows nor warns."""
    return value.item() if isinstance(value, np.generic) else value


def texts_of(array: np.ndarray) -> dict[Position, str]:
    return {(row, column): number(value) for (row, column), value in np.ndenumerate(array)}
