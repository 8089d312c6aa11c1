"""The second opinion: before a backend is accused, the definition is asked if the oracle itself is right.

The definition (`definition.py`) is plain Python. It shares no code with the oracle, and uses neither NumPy nor a BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .. import definition
from ..cases.case import Case
from .agreement import Difference, Disagreement
from .call import array_shapes
from .task import Task

# An element that sums more products than this is not asked of the definition: that would take seconds.
MOST_TERMS = 1_000_000
_BITS = 53  # of a float64


def doubt(task: Task, error: Disagreement | None = None) -> str | None:
    """Return why the oracle, and not the backend, is suspect; None if the definition confirms the oracle.

    `error` is what the backend's answer was found to be. Without it, as when a backend refuses a call, only the shapes
    are confirmed.
    """
    found = _doubt_of_shapes(task.case, task.operation)
    if found is None and error is not None and error.difference is not None:
        found = _doubt_of_elements(error.difference)
    return found


def _doubt_of_shapes(case: Case, operation: str) -> str | None:
    output = tuple(definition.output_shape(*_geometry(case)))
    if output == case.output_shape:
        return None
    arrays = ", ".join(f"{name} {shape}" for name, shape in array_shapes(case, operation).items())
    return (
        f"the definition gives conv2d's output the shape {output}; the oracle says {case.output_shape}, "
        f"and so asked for {operation} of {arrays}"
    )


def _doubt_of_elements(difference: Difference) -> str | None:
    """Ask the definition for the worst of the wrong elements, and for the first, middle and last of them."""
    call = difference.call
    arrays = list(call.arrays.values())
    if call.case.convolution.terms(call.operation) > MOST_TERMS or not all(np.isfinite(a).all() for a in arrays):
        return None
    (first, first_scale), (second, second_scale) = map(_integers, arrays)
    wrong = np.flatnonzero(difference.wrong)
    some = [np.unravel_index(wrong[place], difference.wrong.shape) for place in (0, len(wrong) // 2, -1)]
    for index in dict.fromkeys([difference.worst, *(tuple(map(int, one)) for one in some)]):
        sum_of_integers = definition.element(call.operation, index, first, second, *_geometry(call.case))
        total = Fraction(sum_of_integers, first_scale * second_scale)
        expected = difference.expected[index].item()  # an exact integer, or the exact sum rounded once to float64
        if expected != (total if isinstance(expected, int) else _rounded(total)):
            return (
                f"at {list(index)} the definition gives {_shown(total)}; the oracle {expected}, "
                f"the backend {difference.actual[index]}"
            )
    return None


def _geometry(case: Case) -> tuple[Any, ...]:
    input_sizes = case.batch, case.height, case.width, case.input_channels
    filter_sizes = *case.kernel_size, case.input_channels // case.groups, case.output_channels
    return input_sizes, filter_sizes, case.strides, case.padding, case.dilations, case.groups


def _integers(array: np.ndarray) -> tuple[Callable[[tuple[int, ...]], int], int]:
    """A function that returns the element at an index times a scale, an integer; and the scale, a power of two.

    Sums of Python's integers are exact too, and take a tenth of the time of sums of Fractions.
    """
    if array.dtype.kind in "biu":
        return lambda index: int(array[index]), 1
    _, exponents = np.frexp(array.astype(np.float64))
    scale = 2 ** max(0, _BITS - int(exponents.min(initial=_BITS)))

    def scaled(index: tuple[int, ...]) -> int:
        numerator, denominator = float(array[index]).as_integer_ratio()
        return numerator * (scale // denominator)

    return scaled, scale


def _rounded(total: Fraction) -> float:
    """The nearest float64. Python rounds once, to nearest, ties to even."""
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _shown(total: Fraction) -> str:
    return str(total) if total == int(total) else repr(_rounded(total))
