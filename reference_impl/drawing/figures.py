"""`draw`, `animate` and `draw_difference` return matplotlib figures. A figure's label says in words what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import arguments
from ..cases.case import Case
from ..verdicts.agreement import Difference
from ..verdicts.call import Call, array_shapes
from . import cells
from .as_convolution import convolution_of
from .as_matrices import picture_of_matrices
from .cells import Position
from .convolution_view import ConvolutionView
from .difference import picture_of_difference
from .picture import Picture, picture, plain
from .view import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FRAMES = 100


def draw(
    case: Case | str,
    operation: str = "conv2d",
    *,
    position: Sequence[int] | None = None,
    image: int = 0,
    input_channel: int | None = None,
    output_channel: int | None = None,
    arrays: Mapping[str, Any] | None = None,
    seed: int = 0,
    as_convolution: bool = False,
    as_matrices: bool = False,
    all_channels: bool = False,
) -> Figure:
    """Draw how one element of an operation's result is computed: which cells are multiplied.

    Parameters
    ----------
    case : the forward convolution, as a `Case` or its spec
    position : (row, column) of the result (of the kernel, for `conv2d_backprop_filter`)
        By default one near the middle, with padding in its sum if there is any.
    image, input_channel, output_channel : int, >= 0
        The part of the arrays to draw, by the indices of the forward convolution. The channels must be of one group.
    arrays : by the operation's argument names, in its layouts
        By default random digits from 1 to 9; `seed` decides them.
    as_convolution : bool
        Draw a gradient, or `conv2d_transpose`, as the `conv2d` that gives the same numbers. Its image is the errors,
        spread by the stride and padded; its kernel is rotated. For the filters' gradient, the errors are the kernel.
    as_matrices : bool
        Draw the matrix product that computes the result: windows are rows, filters are columns. It has all channels.
    all_channels : bool
        Draw all channels of the group, not one.

    Raises
    ------
    ValueError
        If the spec is wrong, if a size of the case is 0, or if it has more than 64 positions along an axis.
        If a number is out of range, or an array has another shape.
        If `conv2d` is to be drawn as a convolution, or a gradient that no window takes part in.
        If a matrix has more than 64 rows or columns, or if `as_matrices` is given with another of the three.
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    case = _case(case)
    view = View.chosen(case, operation, position, image, input_channel, output_channel)
    draw_one = _drawing(view, _call(case, operation, arrays, seed), as_convolution, as_matrices, all_channels)
    return next(figures_of([draw_one(view.position)]))


def animate(
    case: Case | str,
    operation: str = "conv2d",
    *,
    image: int = 0,
    input_channel: int | None = None,
    output_channel: int | None = None,
    arrays: Mapping[str, Any] | None = None,
    seed: int = 0,
    as_convolution: bool = False,
    as_matrices: bool = False,
    all_channels: bool = False,
) -> Iterator[Figure]:
    """Draw the picture of `draw` for each position of the result, row by row.

    Raises
    ------
    ValueError, ModuleNotFoundError
        As in `draw`; also if there are more than 100 positions.
    """
    case = _case(case)
    view = View.chosen(case, operation, None, image, input_channel, output_channel)
    plane = cells.PLANES[operation][-1]
    places = cells.positions(case.convolution, plane)
    if len(places) > MOST_FRAMES:
        rows, columns = cells.size(case.convolution, plane)
        raise ValueError(
            f"an animation shows at most {MOST_FRAMES} positions; {view.name(plane)} of {case} has "
            f"{rows}x{columns} = {len(places)}"
        )
    draw_one = _drawing(view, _call(case, operation, arrays, seed), as_convolution, as_matrices, all_channels)
    return figures_of([draw_one(place) for place in places])


def draw_difference(
    actual: Any,
    expected: Any,
    case: Case | str,
    operation: str = "conv2d",
    *,
    arrays: Mapping[str, Any] | None = None,
    wrong: Any = None,
) -> Figure:
    """Draw the wrong elements of an answer, and how the worst of them should have been computed.

    Parameters
    ----------
    actual, expected : arrays of the shape of the operation's result
    arrays : the operation's arguments, if their numbers are to be shown
    wrong : array of bool of the same shape
        By default, the elements that differ. The worst is the one with the largest difference.

    Raises
    ------
    ValueError, ModuleNotFoundError
        As in `draw`; also if no element is wrong.
    """
    case = _case(case)
    view = View.chosen(case, operation)
    plane = cells.PLANES[operation][-1]
    shape = view.shape(plane)
    actual, expected = np.asarray(actual), np.asarray(expected)
    wrong = ~(actual == expected) if wrong is None else np.asarray(wrong, bool)
    for name, array in {"actual": actual, "expected": expected, "wrong": wrong}.items():
        arguments.shape_must_be(array.shape, shape, name, f"that of {view.name(plane)}")
    if not wrong.any():
        raise ValueError("there is no difference to draw: no element is wrong")
    with np.errstate(invalid="ignore"):
        errors = np.abs(plain(actual) - plain(expected)).astype(np.float64)
    largest = int(np.where(wrong, np.nan_to_num(errors, nan=np.inf), -1.0).argmax())
    worst = tuple(int(place) for place in np.unravel_index(largest, shape))
    call = Call(operation, case, {} if arrays is None else _checked(case, operation, arrays))
    return next(figures_of([picture_of_difference(Difference(call, actual, expected, wrong, worst))]))


def _drawing(
    view: View, call: Call, as_convolution: bool, as_matrices: bool, all_channels: bool
) -> Callable[[Position], Picture]:
    """Return the function that gives the picture of a position of the result."""
    if as_matrices:
        if as_convolution or all_channels:
            raise ValueError("a matrix product has all channels, and is no convolution: draw it without the other two")
        return lambda place: picture_of_matrices(replace(view, position=place), call)
    if as_convolution:
        call = convolution_of(call)
        view = ConvolutionView.of(view, call)
    return lambda place: picture(replace(view, position=place), call, all_channels)


def _case(case: Case | str) -> Case:
    return Case.parse(case) if isinstance(case, str) else case


def _call(case: Case, operation: str, arrays: Mapping[str, Any] | None, seed: int) -> Call:
    if arrays is not None:
        return Call(operation, case, _checked(case, operation, arrays))
    # Not the suite's own data: they fill their dtype, so their numbers would fit in no cell.
    random = np.random.default_rng(seed)
    shapes = array_shapes(case, operation)
    return Call(operation, case, {name: random.integers(1, 10, shape) for name, shape in shapes.items()})


def _checked(case: Case, operation: str, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    shapes = array_shapes(case, operation)
    if set(arrays) != set(shapes):
        raise ValueError(f"arrays must be {' and '.join(shapes)}; not {' and '.join(arrays) or 'none'}")
    checked = {}
    for name, shape in shapes.items():
        checked[name] = arguments.array(arrays[name], name, "kh kw I O" if name == "filters" else "N H W C")
        arguments.shape_must_be(checked[name].shape, shape, name, f"that of {case}")
    return checked


def figures_of(pictures: Sequence[Picture]) -> Iterator[Figure]:
    require_matplotlib()
    from .canvas import figures

    return figures(pictures)


def require_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("pictures need matplotlib: pip install 'conv2d-reference-impl[draw]'") from error
