"""Prepare the calls of a chunk: their data, and the exact answers, once for all backends.

The four operations of a case share three arrays. Their numbers are slices of three pools of integers: the case and the
seed say where a slice begins. So a case has the same data in every chunk, and to draw them costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod

import numpy as np

from ...cases.case import Case
from ...operations import OPERATIONS
from ...verdicts.call import Call, array_shapes, numpy_dtype
from ...verdicts.integers import EXACT_INTEGERS
from ...verdicts.task import Task
from ..processes.batches import Places, case_numbers
from .exact_answers import MOST_PRODUCTS, exact_answers

# Exact answers are computed in float64.
_MOST = 2**53
# Numbers in a pool, and of them the places where a slice may begin.
_POOL, _STARTS = 1 << 18, 1 << 17
_ARRAYS = {
    "conv2d": (0, 1),
    "conv2d_backprop_input": (1, 2),
    "conv2d_backprop_filter": (0, 2),
    "conv2d_transpose": (2, 1),
}
# Of the answers (output, gradient of the images, gradient of the filters), the one that an operation gives.
_ANSWER = dict(zip(OPERATIONS, (0, 1, 2, 1), strict=True))


@dataclass
class Prepared:
    """Calls of one dtype, with their arguments and right answers, each in one array after the other."""

    dtype: str
    configurations: list[tuple[str, Case]]
    rows: np.ndarray
    arguments: np.ndarray
    answers: np.ndarray
    """As float64, without -0.0."""
    starts: np.ndarray
    """The place in `answers` at which the answer to each call begins."""
    seconds: float = 0.0
    _expected: dict[str, np.ndarray] = field(default_factory=dict)

    def places(self, result_dtype: str) -> Places:
        return Places(len(self.rows), self.arguments.size, self.answers.size, self.dtype, result_dtype)

    def expected(self, result_dtype: str) -> np.ndarray:
        """All right answers in this dtype, which holds each exactly."""
        if result_dtype not in self._expected:
            self._expected[result_dtype] = self.answers.astype(numpy_dtype(result_dtype))
        return self._expected[result_dtype]

    def call(self, place: int) -> Call:
        """One of the calls with its arrays."""
        operation, case = self.configurations[place]
        arrays = {}
        for (name, shape), start in zip(array_shapes(case, operation).items(), self.rows[place, -3:-1], strict=True):
            arrays[name] = self.arguments[start : start + prod(shape)].reshape(shape)
        return Call(operation, case, arrays)

    def answer(self, place: int) -> np.ndarray:
        """The right answer to one of the calls, as int64."""
        operation, case = self.configurations[place]
        shape = (case.output_shape, case.input_sizes, case.filter_sizes)[_ANSWER[operation]]
        start = self.starts[place]
        return self.answers[start : start + prod(shape)].reshape(shape).astype(np.int64)


def prepared(chunk: Iterable[tuple[str, Case]], dtype: str | None, seed: int) -> list[Prepared]:
    """Prepare the calls of a chunk, those of each dtype together. `dtype` replaces that of all cases."""
    by_dtype: dict[str, list[tuple[str, Case]]] = {}
    for operation, case in chunk:
        case = case if dtype is None else case.with_dtype(dtype)
        by_dtype.setdefault(case.dtype, []).append((operation, case))
    return [_prepared(configurations, one, seed) for one, configurations in by_dtype.items()]


def _prepared(configurations: list[tuple[str, Case]], dtype: str, seed: int) -> Prepared:
    start = time.perf_counter()
    rows: list[tuple[int, ...]] = []
    arguments: list[np.ndarray] = []
    answers: list[np.ndarray] = []
    argument_end = answer_end = 0
    case, shared = None, None
    for operation, next_case in configurations:
        if next_case is not case:
            case = next_case
            numbers = case_numbers(case)
            data = _arrays(case, numbers, seed)
            if data is not None:
                floats, narrow = data
                shared = []
                for array in narrow:
                    arguments.append(array)
                    shared.append(argument_end)
                    argument_end += array.size
                exact = exact_answers(case.convolution, *floats)
        height, width = case.output_shape[1:3]
        if data is not None:
            first, second = (shared[k] for k in _ARRAYS[operation])
            answer = exact[_ANSWER[operation]]
        else:
            task = Task(case, operation, seed)
            first, second = argument_end, argument_end
            for array in task.call.arrays.values():
                first, second = second, argument_end
                arguments.append(array.ravel())
                argument_end += array.size
            answer = task.expected
        rows.append((OPERATIONS.index(operation), *numbers, height, width, first, second, answer_end))
        answers.append(answer.reshape(-1))
        answer_end += answer.size
    table = np.array(rows, np.int64)
    numbers_of = np.concatenate(answers).astype(np.float64)
    numbers_of += 0.0  # -0.0 becomes 0.0
    return Prepared(
        dtype,
        configurations,
        table,
        np.concatenate(arguments),
        numbers_of,
        table[:, -1].copy(),
        time.perf_counter() - start,
    )


def _arrays(case: Case, numbers: Sequence[int], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]] | None:
    """Return images, filters and cotangent as float64 and in the case's dtype; None where sums need other data.

    One of the three has three times the bits of the others. So it shows if a kernel rounds an argument.
    """
    convolution = case.convolution
    sizes = prod(convolution.input_sizes), prod(convolution.filter_sizes), prod(convolution.output_shape)
    terms = max(map(convolution.terms, OPERATIONS[:3]))
    bits = (min(EXACT_INTEGERS[case.dtype], _MOST) // max(terms, 1)).bit_length() - 1
    if bits < 0 or max(sizes) > _POOL - _STARTS or case.multiply_adds > MOST_PRODUCTS:
        return None
    mixed = seed
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) & 0xFFFF_FFFF_FFFF_FFFF
    mixed = (mixed * 0x9E37_79B9_7F4A_7C15) & 0xFFFF_FFFF_FFFF_FFFF
    large = (mixed >> 60) % 3
    floats, narrow = [], []
    for place, size in enumerate(sizes):
        few = bits // 4
        of_floats, of_dtype = _pool(place, bits - few if place == large else few, case.dtype)
        start = (mixed >> (8 + 16 * place)) % _STARTS
        floats.append(of_floats[start : start + size])
        narrow.append(of_dtype[start : start + size])
    return floats, narrow


@cache
def _pool(place: int, bits: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Integers from 1 to 2**bits, with signs if the dtype has them, as float64 and in the dtype. None is zero."""
    random = np.random.default_rng([place, bits])
    values = random.integers(1, 2**bits, _POOL, np.int64, endpoint=True)
    if not dtype.startswith("u"):
        values *= random.choice(np.array([-1, 1]), _POOL)
    return values.astype(np.float64), values.astype(numpy_dtype(dtype))
