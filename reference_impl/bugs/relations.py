"""Relations between the sizes of a call, as conditions: an even kernel, a stride above the kernel, depthwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from .table import AXES, Table

Holds = Callable[[Table], np.ndarray]
"""A condition on calls: it takes them as a table, and gives a bool for each."""


def opposite_of(holds: Holds) -> Holds:
    return lambda table: ~holds(table)


def relations() -> Iterator[tuple[str, float, Holds, str]]:
    """Yield relations and their opposites: the name, the cost, the condition and its subject."""
    for name, holds, opposite, cost in _RELATIONS:
        yield name, cost, holds, name
        yield opposite, cost + 0.1, opposite_of(holds), name
    for said, opposite, relation in _AXIS_RELATIONS:
        for axis in AXES:
            along = f" along {axis}"
            yield f"{said}{along}", 1.3, partial(relation, axis), said
            yield f"{opposite}{along}", 1.4, opposite_of(partial(relation, axis)), said
        yield said, 1.2, _any_axis(relation), said
        yield f"{said} along both axes", 1.4, _both_axes(relation), said
        yield f"{opposite} along both axes", 1.3, opposite_of(_any_axis(relation)), said
        yield f"{opposite} along one axis at least", 1.5, opposite_of(_both_axes(relation)), said


Relation = Callable[[str, Table], np.ndarray]


def _any_axis(relation: Relation) -> Holds:
    return lambda table: relation("height", table) | relation("width", table)


def _both_axes(relation: Relation) -> Holds:
    return lambda table: relation("height", table) & relation("width", table)


def _compare(first: str, test: np.ufunc, second: str) -> Relation:
    return lambda axis, table: test(table.numbers[f"{first} {axis}"], table.numbers[f"{second} {axis}"])


def _even_kernel(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"kernel {axis}"] % 2 == 0


def _strided_and_dilated(axis: str, table: Table) -> np.ndarray:
    return (table.numbers[f"stride {axis}"] > 1) & (table.numbers[f"dilation {axis}"] > 1)


def _odd_padding(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"padding {axis}"] % 2 == 1


def _uneven_pads(axis: str, table: Table) -> np.ndarray:
    return np.not_equal(*_pads(axis, table))


def _pad_as_large_as_the_kernel(axis: str, table: Table) -> np.ndarray:
    return np.maximum(*_pads(axis, table)) >= table.numbers[f"kernel {axis}"]


def _pads(axis: str, table: Table) -> tuple[np.ndarray, np.ndarray]:
    before, after = ("top", "bottom") if axis == "height" else ("left", "right")
    return table.numbers[f"{before} padding"], table.numbers[f"{after} padding"]


def _no_multiple_of_stride(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"input {axis}"] % table.numbers[f"stride {axis}"] != 0


def _kernel_no_multiple_of_stride(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"kernel {axis}"] % table.numbers[f"stride {axis}"] != 0


def _has_rest(part: str, number: int, axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"{part} {axis}"] % number != 0


_AXIS_RELATIONS: tuple[tuple[str, str, Relation], ...] = (
    ("stride above the kernel", "stride at most the kernel", _compare("stride", np.greater, "kernel")),
    (
        "stride above the kernel's extent",
        "stride at most the kernel's extent",
        _compare("stride", np.greater, "kernel extent"),
    ),
    ("kernel as large as the input", "kernel not as large as the input", _compare("kernel", np.equal, "input")),
    ("kernel above the input", "kernel at most the input", _compare("kernel", np.greater, "input")),
    (
        "kernel's extent above the input",
        "kernel's extent at most the input",
        _compare("kernel extent", np.greater, "input"),
    ),
    (
        "kernel's extent as large as the padded input",
        "kernel's extent below the padded input",
        _compare("kernel extent", np.equal, "padded"),
    ),
    ("dilation above the kernel", "dilation at most the kernel", _compare("dilation", np.greater, "kernel")),
    ("stride above the dilation", "stride at most the dilation", _compare("stride", np.greater, "dilation")),
    ("dilation above the stride", "dilation at most the stride", _compare("dilation", np.greater, "stride")),
    ("even kernel", "odd kernel", _even_kernel),
    ("strided and dilated", "not strided and dilated", _strided_and_dilated),
    ("an odd number of zeros of padding", "an even number of zeros of padding", _odd_padding),
    ("uneven padding", "even padding", _uneven_pads),
    (
        "padding on one side as large as the kernel",
        "padding below the kernel's size on each side",
        _pad_as_large_as_the_kernel,
    ),
    ("input no multiple of the stride", "input a multiple of the stride", _no_multiple_of_stride),
    ("kernel no multiple of the stride", "kernel a multiple of the stride", _kernel_no_multiple_of_stride),
    ("kernel spread by dilation", "kernel not spread by dilation", _compare("kernel extent", np.greater, "kernel")),
    ("odd output", "even output", partial(_has_rest, "output", 2)),
    *(
        (f"{part} no multiple of {number}", f"{part} a multiple of {number}", partial(_has_rest, part, number))
        for part in ("input", "output")
        for number in (4, 8, 16)
    ),
)


def _both(part: str, test: np.ufunc) -> Holds:
    return lambda table: test(table.numbers[f"{part} height"], table.numbers[f"{part} width"])


def _unlike(one: str, other: str) -> Holds:
    return lambda table: table.numbers[f"{one} padding"] != table.numbers[f"{other} padding"]


def _depthwise(table: Table) -> np.ndarray:
    return (table.numbers["groups"] > 1) & (table.numbers["channels per group"] == 1)


def _has_multiplier(table: Table) -> np.ndarray:
    return _depthwise(table) & (table.numbers["output channels per group"] > 1)


def _grouped_only(table: Table) -> np.ndarray:
    return (table.numbers["groups"] > 1) & (table.numbers["channels per group"] > 1)


def _kernel_3_by_3(table: Table) -> np.ndarray:
    return (table.numbers["kernel height"] == 3) & (table.numbers["kernel width"] == 3)


def _same_channels(table: Table) -> np.ndarray:
    return table.numbers["input channels"] == table.numbers["output channels"]


def _fewer_outputs(table: Table) -> np.ndarray:
    return table.numbers["output channels"] < table.numbers["input channels"]


def _more_outputs(table: Table) -> np.ndarray:
    return table.numbers["output channels"] > table.numbers["input channels"]


def _some_zeros(*names: str) -> Holds:
    return lambda table: np.logical_or.reduce([table.numbers[name] == 0 for name in names])


_RELATIONS: tuple[tuple[str, Holds, str, float], ...] = (
    ("depthwise", _depthwise, "not depthwise", 1.0),
    ("depthwise with a multiplier above 1", _has_multiplier, "no depthwise multiplier above 1", 1.1),
    ("grouped but not depthwise", _grouped_only, "not grouped, or depthwise", 1.2),
    ("kernel 3 x 3", _kernel_3_by_3, "kernel other than 3 x 3", 1.1),
    ("as many input as output channels", _same_channels, "other numbers of input and output channels", 1.2),
    ("more output than input channels", _more_outputs, "output channels at most the input channels", 1.3),
    ("fewer output than input channels", _fewer_outputs, "output channels at least the input channels", 1.3),
    ("an empty array", _some_zeros("batch", "input channels", "output channels"), "no empty array", 1.0),
    *(
        (f"{one} padding unlike {other} padding", _unlike(one, other), f"{one} padding equal to {other} padding", 1.3)
        for one, other in (("top", "left"), ("bottom", "right"))
    ),
    *(
        relation
        for part in ("kernel", "stride", "dilation", "input", "output")
        for relation in (
            (f"{part} height unlike its width", _both(part, np.not_equal), f"{part} height equal to its width", 1.2),
            (f"{part} height above its width", _both(part, np.greater), f"{part} height at most its width", 1.3),
            (f"{part} width above its height", _both(part, np.less), f"{part} width at most its height", 1.3),
        )
    ),
)
