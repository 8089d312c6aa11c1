"""Integer arrays for a case. All elements differ, so that an element in the wrong place shows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reference_impl import conv2d, conv2d_backprop_filter, conv2d_backprop_input, definition
from reference_impl.cases.case import Case

# Each operation by the two arrays that it takes; it is linear in both.
TAKES = {
    "conv2d": ("input", "filters"),
    "conv2d_backprop_input": ("filters", "out_backprop"),
    "conv2d_backprop_filter": ("input", "out_backprop"),
}


class Arrays(NamedTuple):
    """One problem's three arrays: the factors of the trilinear form."""

    input: np.ndarray
    filters: np.ndarray
    out_backprop: np.ndarray


def distinct_integers(sizes: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """1, 2, 3, ... in random order and with random signs, as int64."""
    random = np.random.default_rng(seed)
    count = int(np.prod(sizes))
    return ((random.permutation(count) + 1) * random.choice((-1, 1), count)).reshape(sizes)


def arrays_of(case: Case, seed: int = 0) -> Arrays:
    shapes = case.input_sizes, case.filter_sizes, case.output_shape
    return Arrays(*(distinct_integers(shape, seed + number) for number, shape in enumerate(shapes)))


def run(operation: str, case: Case, arrays: Arrays) -> np.ndarray:
    if operation == "conv2d":
        return conv2d(arrays.input, arrays.filters, **case.options)
    if operation == "conv2d_backprop_input":
        return conv2d_backprop_input(case.input_sizes, arrays.filters, arrays.out_backprop, **case.options)
    return conv2d_backprop_filter(arrays.input, case.filter_sizes, arrays.out_backprop, **case.options)


def by_definition(operation: str, problem: Any, arrays: Arrays) -> list:
    sizes = problem.input_sizes, problem.filter_sizes
    input, filters, out_backprop = (array.tolist() for array in arrays)
    given = {
        "conv2d": (input, filters),
        "conv2d_backprop_input": (filters, out_backprop),
        "conv2d_backprop_filter": (input, out_backprop),
        "conv2d_transpose": (out_backprop, filters),
    }
    return getattr(definition, operation)(*given[operation], *sizes, **problem.options)
