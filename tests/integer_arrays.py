"""Integer arrays for a case. All elements differ, so that an element in the wrong place shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import reference_impl
from reference_impl import definition, operations
from reference_impl.cases.case import Case

# Each operation by the two arrays that it takes; it is linear in both.
TAKES = {
    "conv2d": ("input", "filters"),
    "conv2d_backprop_input": ("filters", "out_backprop"),
    "conv2d_backprop_filter": ("input", "out_backprop"),
}


class Arrays(NamedTuple):
    """The three factors of the trilinear form."""

    input: np.ndarray
    filters: np.ndarray
    out_backprop: np.ndarray


def distinct_integers(sizes: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """1, 2, 3, ... in random order and with random signs, as int64."""
    random = np.random.default_rng(seed)
    count = int(np.prod(sizes))
    return ((random.permutation(count) + 1) * random.choice((-1, 1), count)).reshape(sizes)


def arrays_of(problem: Any, seed: int = 0) -> Arrays:
    shapes = problem.input_sizes, problem.filter_sizes, problem.output_shape
    return Arrays(*(distinct_integers(shape, seed + number) for number, shape in enumerate(shapes)))


def dtype_name(dtype: Any) -> str:
    return np.dtype(dtype).name


def small_arrays(case: Case, dtype: Any, low: int = -4) -> Arrays:
    """Nine integers from `low` on, which every dtype holds."""
    return Arrays(*((array % 9 + low).astype(dtype) for array in arrays_of(case)))


def run(operation: str, problem: Any, arrays: Arrays, module: Any = reference_impl) -> np.ndarray:
    """The answer of `module` to a problem: anything with sizes and options, such as a case."""
    given = {
        "conv2d": (arrays.input, arrays.filters),
        "conv2d_backprop_input": (problem.input_sizes, arrays.filters, arrays.out_backprop),
        "conv2d_backprop_filter": (arrays.input, problem.filter_sizes, arrays.out_backprop),
        "conv2d_transpose": (arrays.out_backprop, arrays.filters, problem.input_sizes),
    }
    return getattr(module, operation)(*given[operation], **problem.options)


def by_another_path(answer: Callable, condition: str, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Return `answer`, a function of a problem and arrays, as it is if a condition in `operations` is never true."""

    def otherwise(problem: Any, arrays: Arrays) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(operations, condition, lambda convolution: False)
            return answer(problem, arrays)

    return otherwise


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare the answers of operations by name: elements, shapes and dtypes."""
    for operation, array in expected.items():
        np.testing.assert_array_equal(found[operation], array, strict=True)


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
