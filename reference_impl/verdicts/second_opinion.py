"""The second opinion: before a backend is accused, the definition is asked if the oracle itself is right.

The definition (`definition.py`) is plain Python. It shares no code with the oracle, and uses neither NumPy nor a BLAS.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from .. import definition
from ..cases.case import Case
from .agreement import Difference, Disagreement
from .call import array_shapes
from .task import Task

# The definition sums at most so many products for one failure: about 2 microseconds each.
MOST_PRODUCTS = 4_000_000


def doubt(task: Task, error: Disagreement | None = None) -> str | None:
    """Return why the oracle, and not the backend, is suspect; None if the definition confirms the oracle.

    `error` is what the backend's answer was found to be. Without it, as when a backend refuses a call, only the shapes
    are confirmed.
    """
    found = _doubt_of_shapes(task.case, task.operation)
    if found is None and error is not None and error.difference is not None:
        found = _doubt_of_elements(error.difference)
    return found


def unconfirmed(error: Disagreement) -> str | None:
    """Say that the definition was not asked for any element, and why; None if it was, or if no element is wrong."""
    why = None if error.difference is None else _why_not_asked(error.difference)
    return f"not confirmed by the definition: {why}. The oracle alone says that this is wrong" if why else None


def _why_not_asked(difference: Difference) -> str | None:
    terms = difference.call.case.convolution.terms(difference.call.operation)
    if terms > MOST_PRODUCTS:
        return f"too large, with {terms:,} products an element, of which plain Python sums at most {MOST_PRODUCTS:,}"
    if not all(np.isfinite(array).all() for array in difference.call.arrays.values()):
        return "it computes with integers and fractions, which know no NaN and no infinity"
    return None


def _doubt_of_shapes(case: Case, operation: str) -> str | None:
    output = _defined_output_shape(case)
    if output == case.output_shape:
        return None
    arrays = ", ".join(f"{name} {shape}" for name, shape in array_shapes(case, operation).items())
    return (
        f"the definition gives conv2d's output the shape {output}; the oracle says {case.output_shape}, "
        f"and so asked for {operation} of {arrays}"
    )


@lru_cache(64)  # a call that is refused is asked for each of its checks
def _defined_output_shape(case: Case) -> tuple[int, ...]:
    return tuple(definition.output_shape(*_geometry(case)))


def _doubt_of_elements(difference: Difference) -> str | None:
    """Ask the definition for the worst of the wrong elements; then, if there is time, the first, middle and last."""
    if _why_not_asked(difference):
        return None
    call = difference.call
    (first, scale), (second, other_scale) = (_integers(array) for array in call.arrays.values())
    wrong = np.flatnonzero(difference.wrong)
    some = [np.unravel_index(wrong[place], difference.wrong.shape) for place in (0, len(wrong) // 2, -1)]
    asked = list(dict.fromkeys([difference.worst, *(tuple(map(int, one)) for one in some)]))
    for index in asked[: MOST_PRODUCTS // max(call.case.convolution.terms(call.operation), 1)]:
        scaled = definition.element(call.operation, index, first, second, *_geometry(call.case))
        total = Fraction(scaled, scale * other_scale)
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
    """Return a scale, and a function that gives the element at an index times that: an integer.

    Sums of integers are eight times as fast as sums of Fractions.
    """
    if array.dtype.kind in "biu":
        return lambda index: int(array[index]), 1
    exponents = np.frexp(array.astype(np.float64))[1]  # a float64 is an integer times 2**(exponent - 53)
    scale = 1 << max(53 - int(exponents.min(initial=53)), 0)

    def element(index: tuple[int, ...]) -> int:
        numerator, denominator = float(array[index]).as_integer_ratio()
        return numerator * (scale // denominator)

    return element, scale


def _rounded(total: Fraction) -> float:
    """The nearest float64. Python rounds once, to nearest, ties to even."""
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


def _shown(total: Fraction) -> str:
    return str(total) if total == int(total) else repr(_rounded(total))
