"""One NaN or infinity among integers: it must reach exactly the outputs whose sums it enters.

A kernel may multiply a zero that stands for padding by an infinite weight, or leave that product out. The outputs
that can hold such a product are `around`; they may be NaN.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact.formats import FORMATS
from .call import Call, sums_that_fit

SPECIAL = (np.nan, np.inf, -np.inf)

# The array of each operation that can be multiplied by a zero of the padding.
_MEETS_PADDING = {
    "conv2d": "filters",
    "conv2d_backprop_input": "filters",
    "conv2d_backprop_filter": "out_backprop",
    "conv2d_transpose": "filters",
}


@dataclass(frozen=True)
class SpecialTask:
    """A call with one special element.

    `expected` is the answer of a kernel that multiplies no padding, as float64. `reached` marks the elements that sum
    the special one; `around` marks the others where it can meet a zero of the padding.
    """

    call: Call
    said: str
    expected: np.ndarray
    reached: np.ndarray
    around: np.ndarray


def special_task(call: Call, seed: int) -> SpecialTask | None:
    """Make one element of one array special in a call on integers. The seed and the case choose which.

    Returns None if an array is empty, or if the dtype has no special values.
    """
    if call.case.dtype not in FORMATS or not all(array.size for array in call.arrays.values()):
        return None
    random = np.random.default_rng([seed, zlib.crc32(f"special {call.case} {call.operation}".encode())])
    name = str(random.choice(list(call.arrays)))
    index = tuple(random.integers(call.arrays[name].shape).tolist())
    value = float(random.choice(SPECIAL))
    # Some of the others are zero: a kernel must not skip them, as 0 * infinity and 0 * NaN are NaN.
    other = {
        which: np.where(random.random(array.shape) < 0.25, np.zeros_like(array), array)
        for which, array in call.arrays.items()
        if which != name
    }
    alone = _only(call.arrays[name], index)

    def answer(array: np.ndarray, others: dict[str, np.ndarray]) -> np.ndarray:
        in_order = {which: array if which == name else others[which] for which in call.arrays}
        return sums_that_fit(Call(call.operation, call.case, in_order))

    reached = answer(alone, {which: np.ones_like(array) for which, array in other.items()}) != 0
    rest = answer(np.where(alone == 0, call.arrays[name], np.zeros_like(alone)), other).astype(np.float64)
    with np.errstate(invalid="ignore"):
        expected = np.where(reached, value * answer(alone, other), rest)
    around = np.zeros(reached.shape, bool)
    if name == _MEETS_PADDING[call.operation]:
        around[..., _channel(call, index)] = True
    special = call.arrays[name].copy()
    special[index] = value
    in_order = {which: special if which == name else other[which] for which in call.arrays}
    given = Call(call.operation, call.case, in_order)
    return SpecialTask(given, f"{value} in {name} at {list(index)}", expected, reached, around & ~reached)


def _only(array: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    alone = np.zeros_like(array)
    alone[index] = 1
    return alone


def _channel(call: Call, index: tuple[int, ...]) -> Any:
    """The channel of the answer to which an element of the filters, or of the cotangent, belongs."""
    case = call.case
    if call.operation in ("conv2d", "conv2d_backprop_filter"):
        return index[3]
    group = index[3] // (case.output_channels // case.groups)
    return group * case.filter_sizes[2] + index[2]
