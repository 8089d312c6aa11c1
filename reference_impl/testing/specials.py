"""NaN and infinities in given data: the elements that they reach, and what these must be.

A product with a NaN is NaN, and so is 0 * infinity. A sum that has a NaN, or infinities of both signs, is NaN. Other
sums with infinities are infinite. All other elements must be right as if the special numbers were zero.

A kernel may multiply a zero that stands for padding by an infinite weight. So in a channel of a special weight (of a
special cotangent, in the filter gradient) NaN is allowed too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import operations
from ..verdicts.call import Call
from .problem import Problem

_MEETS_PADDING = {"conv2d_backprop_filter": "out_backprop"}


@dataclass(frozen=True, eq=False)
class Specials:
    """The elements that special numbers reach, and what these must be.

    Parameters
    ----------
    expected : NaN or an infinity where one reaches, and 0 elsewhere
    reached : True where one reaches
    may_be_nan : True where NaN is right too
    """

    expected: np.ndarray
    reached: np.ndarray
    may_be_nan: np.ndarray

    def wrong(self, actual: np.ndarray) -> np.ndarray:
        """Mark the reached elements that are wrong."""
        with np.errstate(invalid="ignore"):
            right = (actual == self.expected) | (np.isnan(actual) & np.isnan(self.expected))
        return self.reached & ~right & ~(self.may_be_nan & np.isnan(actual))


def taken_out(problem: Problem) -> tuple[Problem, Specials | None]:
    """Return the problem with zeros in place of special numbers, and what those do; None if there are none."""
    arrays = problem.call.arrays
    if all(array.dtype.kind != "f" or np.isfinite(array).all() for array in arrays.values()):
        return problem, None
    with np.errstate(invalid="ignore"):
        specials = _specials(problem.call, problem.shape)
    finite = problem.call.with_arrays(lambda array: np.where(np.isfinite(array), array, 0).astype(array.dtype))
    return replace(problem, call=finite), specials


def _specials(call: Call, shape: tuple[int, ...]) -> Specials:
    (first, left), (second, right) = call.arrays.items()

    def counted(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if not (left.any() and right.any()):
            return np.zeros(shape)
        return Call(call.operation, call.case, {first: left, second: right}).run(operations)

    def whole(mask: Any) -> np.ndarray:
        return np.asarray(mask).astype(np.float64)  # sums of such numbers are exact

    def signs(array: np.ndarray) -> np.ndarray:
        return whole(np.sign(np.nan_to_num(array, nan=0.0)))

    infinite = [whole(np.isinf(array)) for array in (left, right)]
    nans = (
        counted(whole(np.isnan(left)), np.ones(right.shape))
        + counted(np.ones(left.shape), whole(np.isnan(right)))
        + counted(infinite[0], whole(right == 0))
        + counted(whole(left == 0), infinite[1])
    )
    # Infinite products, with their signs and without; a product of two infinities counts twice.
    signed = counted(signs(left) * infinite[0], signs(right)) + counted(signs(left), signs(right) * infinite[1])
    plain = counted(infinite[0], np.abs(signs(right))) + counted(np.abs(signs(left)), infinite[1])
    is_nan = (nans > 0) | ((plain > 0) & (np.abs(signed) < plain))
    expected = np.where(is_nan, np.nan, np.where(plain > 0, np.sign(signed) * np.inf, 0.0))
    expected[plain + nans == 0] = 0.0
    weights = call.arrays[_MEETS_PADDING.get(call.operation, "filters")]
    return Specials(expected, (plain + nans) > 0, _channels(call, ~np.isfinite(weights), expected.shape))


def _channels(call: Call, special: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Mark the channels of the answer to which special weights belong."""
    case, found = call.case, np.zeros(shape, bool)
    if call.operation in ("conv2d", "conv2d_backprop_filter"):
        found[..., special.any(axis=(0, 1, 2))] = True
        return found
    # Filters are (kh, kw, I / groups, O), and the answer has I channels.
    by_group = special.any(axis=(0, 1)).reshape(special.shape[2], case.groups, case.output_channels // case.groups)
    in_group = by_group.any(axis=2)
    found[..., in_group.T.reshape(-1)] = True
    return found
