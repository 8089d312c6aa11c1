"""An operation as a product of matrices: windows as rows, filters as columns, and the fold that adds windows back.

    conv2d                                   windows @ filters
    conv2d_backprop_filter                   windows.T @ errors
    conv2d_backprop_input, conv2d_transpose  fold(errors @ filters.T)

A row of `windows` is one window of the padded input, with all channels of a group. `fold` adds each element of such a
matrix to the pixel that it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from string import ascii_letters

import numpy as np

from ..verdicts.call import Call
from . import cells
from .cells import Position
from .marks import Mark
from .picture import Block, Grid, Picture, arrays_of, equals, formula, grid, in_sum, item, number, texts_of
from .view import MOST_ACROSS, View


def picture_of_matrices(view: View, call: Call) -> Picture:
    """Return the picture of the matrix product that computes the result: of one image and one group.

    Raises
    ------
    ValueError
        If a matrix has more than 64 rows or columns.
    """
    _check_drawable(view)
    arrays = arrays_of(view, call)
    outputs = [each.output_channel for each in view.outputs()]
    filters = arrays["tap"][..., outputs].reshape(-1, len(outputs))
    errors = arrays["output"][view.image][..., outputs].reshape(-1, len(outputs))
    channel = outputs.index(view.output_channel)
    if view.operation == "conv2d":
        left, right = _windows(view, arrays["input"]), filters
        names = "windows, as rows", "filters, as columns", "output, as columns"
        place = _number(view, "output"), channel
    elif view.operation == "conv2d_backprop_filter":
        left, right = _windows(view, arrays["input"]).T, errors
        names = "windows, as columns", "out_backprop, as columns", "filter_backprop, as columns"
        place = _number(view, "tap") * len(view.inputs()) + view.inputs().index(view), channel
    else:
        return _folded(view, errors, filters, arrays["input"])
    return _product(view, (left, right), names, place, _padding(view))


def _product(
    view: View,
    factors: tuple[np.ndarray, np.ndarray],
    names: tuple[str, str, str],
    place: Position,
    padding: set[Position],
) -> Picture:
    left, right = factors
    (row, column), inner, result = place, range(left.shape[1]), left @ right
    taken = [(row, each) for each in inner], [(each, column) for each in inner]
    grids = [
        _matrix(names[0], left, {Mark.PADDING: padding, Mark.TAKEN: set(taken[0])}, _letters(taken[0])),
        _matrix(names[1], right, {Mark.TAKEN: set(taken[1])}, _letters(taken[1])),
        _matrix(names[2], result, {Mark.SUM: {place}}),
    ]
    pairs = [[item(left[row, each]), item(right[each, column])] for each in inner]
    said = f"{view.element_in_words} = {formula(pairs, item(result[place]))}"
    if view.operation == "conv2d_backprop_filter" and view.case.batch > 1:
        said = f"{view.element_in_words} sums {view.case.batch} images; the one drawn here gives "
        said += formula(pairs, item(result[place]))
    return Picture(f"{view.heading}, as a matrix product", _blocks(grids), (said,))


def _folded(view: View, errors: np.ndarray, filters: np.ndarray, folded: np.ndarray) -> Picture:
    products, pixels = errors @ filters.T, _pixels(view)
    here = [place for place, pixel in pixels.items() if pixel == (*view.position, view.inputs().index(view))]
    inside = set(cells.positions(view.case.convolution, "input"))
    padding = {place for place, (row, column, _) in pixels.items() if (row, column) not in inside}
    grids = [
        _matrix(f"{view.name('output')}, as columns", errors, {}),
        _matrix("filters, as rows", filters.T, {}),
        _matrix("their product: a window a row", products, {Mark.PADDING: padding, Mark.TAKEN: set(here)}),
        grid(view, "input", view, [], folded),
    ]
    values = [item(products[place]) for place in here]
    total = item(folded[view.element])
    said = f"{view.element_in_words} = 0: no window reads it"
    if here:
        said = f"{' + '.join(map(in_sum, values))} {equals([total, *values])} {number(total)}"
        said = f"{view.element_in_words} = {said}: the elements of the product that stand for this pixel"
    return Picture(f"{view.heading}, as a matrix product, folded", _blocks(grids), (said,))


def _windows(view: View, input: np.ndarray) -> np.ndarray:
    """Return the matrix whose rows are the windows of the padded input, with all channels of the group."""
    rows, columns = cells.size(view.case.convolution, "output")
    pixels, channels = _pixels(view), [each.input_channel for each in view.inputs()]
    windows = np.zeros((rows * columns, len(pixels) // (rows * columns)), input.dtype)
    inside = set(cells.positions(view.case.convolution, "input"))
    for place, (row, column, channel) in pixels.items():
        if (row, column) in inside:
            windows[place] = input[view.image, row, column, channels[channel]]
    return windows


def _pixels(view: View) -> dict[Position, tuple[int, int, int]]:
    """Return the pixel and the channel of the group that each element of the matrix of windows stands for."""
    convolution, channels = view.case.convolution, range(len(view.inputs()))
    found: dict[Position, tuple[int, int, int]] = {}
    for row, position in enumerate(cells.positions(convolution, "output")):
        read = product(cells.summed(convolution, "conv2d", position), channels)
        found |= {(row, column): (*one.input, channel) for column, (one, channel) in enumerate(read)}
    return found


def _padding(view: View) -> set[Position]:
    """Return the elements of the left matrix that are padding."""
    inside = set(cells.positions(view.case.convolution, "input"))
    places = {place for place, (row, column, _) in _pixels(view).items() if (row, column) not in inside}
    return places if view.operation == "conv2d" else {place[::-1] for place in places}


def _number(view: View, plane: str) -> int:
    """Return the place of the view's position among all of the plane, row by row."""
    return cells.positions(view.case.convolution, plane).index(view.position)


def _matrix(
    name: str, array: np.ndarray, marked: Mapping[Mark, set[Position]], letters: Mapping[Position, str] | None = None
) -> Grid:
    rows, columns = array.shape
    return Grid(name, (f"{rows}x{columns}",), range(rows), range(columns), marked, texts_of(array), letters or {})


def _letters(places: list[Position]) -> dict[Position, str]:
    return dict(zip(places, ascii_letters)) if len(places) <= len(ascii_letters) else {}


def _blocks(grids: list[Grid]) -> tuple[Block, ...]:
    return tuple(((each,),) for each in grids)


def _check_drawable(view: View) -> None:
    (height, width), (kernel_height, kernel_width) = view.case.output_shape[1:3], view.case.kernel_size
    sizes = {
        "windows": height * width,
        "elements of a window": kernel_height * kernel_width * view.case.filter_sizes[2],
        "filters": len(view.outputs()),
    }
    for what, size in sizes.items():
        if size > MOST_ACROSS:
            raise ValueError(f"a matrix is drawn with at most {MOST_ACROSS} {what}; {view.case} has {size}")
