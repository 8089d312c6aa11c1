"""A quick look at an answer: accept it if it is right for certain, from two convolutions in float64.

`judgement` compares an answer with the exact one, which takes up to 15 convolutions. Most right answers need no such
care. The oracle's own answer in float64 is within E of the exact one:

    E = (n + 6) * 2**-53 * gauge        n terms

n of it are for the sum (Jeannerod, Rump). The others cover the exact answer, which is rounded to float64 before and
after the bias, and the rounding of E. So each error is known to within E: in float32, a millionth of its bound. If that
is enough to say that `judgement` would find nothing, nothing more is done. In all other cases `judgement` decides.

An answer in float64 needs a nearer one. The arrays are cut in two, as in `exact.leading`: the leading parts multiply
exactly, and the rest is small. Elements for which that leaves one exact answer, rounded to float64, have E = 0.

**Bias and spread** (`verdicts.statistics`) count elements with equal significands once, with the mean of their errors.
Elements whose intervals of significands do not overlap are certainly distinct. A *wild* element, whose interval holds 0
or a power of two, may equal any other. Let u elements be wild or able to equal another, and let no error be larger than
M. They are in at most u groups, with at most u others, one for each wild element. So the groups change the sum of all
errors by at most 3 * u * M. They lower the sum of squares by at most 2 * u * M**2. This bounds both statistics.

References
----------
Jeannerod, Rump (2013), https://doi.org/10.1137/120894488
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import operations
from ..exact import leading
from ..exact.formats import FORMATS
from ..exact.slices import Product, Sum
from ..verdicts.agreement import THRESHOLD
from ..verdicts.call import Call
from ..verdicts.statistics import SPREAD_IN_ANY_ORDER, Sums, most_lean, most_spread, telling_places
from .problem import Problem

# Room for the rounding of the few float64 operations that are made here with errors and bounds.
_ROOM = 1 - 2.0**-30
# Elements are compared so many at a time. Their scratch memory stays in cache.
_CHUNK = 1 << 14
# The bits of a float64 that hold its significand without the leading 1, and those of the number 1.
_SIGNIFICAND, _ONE = np.int64(2**52 - 1), np.int64(1023 << 52)
# Products of numbers in this range neither overflow nor underflow, and nor do sums of 2**40 of them.
_SMALLEST, _LARGEST = 2.0**-480, 2.0**480


@dataclass(frozen=True, eq=False)
class Near:
    """Numbers that are near the exact answer, rounded to float64.

    Parameters
    ----------
    values : float64 array
    relative, room : each number is within relative * gauge + room of the exact answer
    unsure : True where it may differ from that; None if it may everywhere
    """

    values: np.ndarray
    relative: float
    room: float = 0.0
    unsure: np.ndarray | None = None

    def errors(self, gauge: np.ndarray, places: slice | np.ndarray = slice(None)) -> np.ndarray:
        """Bound the error of the elements at `places` in order, whose gauge is given."""
        most = self.relative * gauge + self.room
        return most if self.unsure is None else np.where(self.unsure.reshape(-1)[places], most, 0.0)


@np.errstate(all="ignore")
def surely_right(answer: np.ndarray, problem: Problem, *, together: bool) -> bool:
    """True if `judgement` accepts an answer to real, finite data for certain.

    `together` says that bias and spread are judged too. If not, a lead of one slice is near enough.
    """
    near = near_exact(problem, slices=2 if together else 1)
    return (
        near is not None and each_is_right(answer, near, problem) and (not together or _together(answer, near, problem))
    )


@np.errstate(all="ignore")
def near_exact(problem: Problem, slices: int) -> Near | None:
    """Return numbers near the exact answer; None where float64 may overflow or underflow.

    In float64 they come from so many leading slices. Fewer slices take less work, and are less near.
    """
    if np.float64(2.0**-1022) / 2 == 0 or not all(map(_in_range, problem.call.arrays.values())):
        return None
    unit = 2.0**-53
    if problem.dtype != "float64":
        # Integers are added in float64 too. The oracle would add them in int64 or as objects, and refuse the largest.
        values = problem.call.with_arrays(_as_float).run(operations)
        return Near(problem.with_bias(values), (problem.terms + 6) * unit * (1 + problem.terms * 2.0**-50))
    call = problem.call
    (first, left), (second, right) = call.arrays.items()

    def operation(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return Call(call.operation, call.case, {first: left, second: right}).run(operations)

    terms = call.case.convolution.terms(call.operation)
    values, exact, room = leading.interval(Sum([Product(operation, left, right)]), terms, np.dtype(np.float64), slices)
    return Near(problem.with_bias(values), 6 * unit, room, ~exact)


def near_oracle(problem: Problem) -> Near:
    """Return the oracle's answer as one that is nearer than exact: n * 2**-53 * gauge is its own error, and allowed."""
    return Near(problem.by_oracle().astype(np.float64, copy=False), -problem.terms * 2.0**-53)


def _as_float(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _in_range(array: np.ndarray) -> bool:
    if array.dtype.kind != "f":
        return array.size == 0 or bool(max(abs(int(array.min())), abs(int(array.max()))) <= 2**53)
    if array.dtype.itemsize < 8:
        return True
    sizes = np.abs(array)
    least = sizes.min(initial=np.inf, where=sizes > 0)
    return bool(least >= _SMALLEST and sizes.max(initial=0) <= _LARGEST)


@np.errstate(all="ignore")
def each_is_right(answer: np.ndarray, near: Near, problem: Problem) -> bool:
    """True if each error is surely below its bound, or the element is not judged."""
    form, eps = FORMATS[problem.dtype], problem.eps  # type: ignore[index]
    allowed = THRESHOLD * problem.factor * _ROOM
    slope = allowed * eps - near.relative
    answer, values, gauge = (array.reshape(-1) for array in (answer, near.values, problem.gauge))
    for start in range(0, answer.size, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        bound = gauge[chunk] * slope - near.room
        errors = np.subtract(answer[chunk], values[chunk], dtype=np.float64)
        np.abs(errors, out=errors)
        if (errors < bound).all():
            continue
        right = errors < bound + allowed * problem.terms * form.smallest_subnormal
        zero = gauge[chunk] == 0  # then every product is zero
        if not (np.where(zero, answer[chunk] == 0, right) | ~(gauge[chunk] * (1 + eps) <= form.largest)).all():
            return False
    return True


def _together(answer: np.ndarray, near: Near, problem: Problem) -> bool:
    """True if the bias and the spread of the errors are surely below their limits."""
    dtype = problem.dtype
    assert dtype is not None
    places = telling_places(problem.gauge.reshape(-1), problem.terms, dtype)
    answer, values, gauge = (array.reshape(-1)[places] for array in (answer, near.values, problem.gauge))
    if not gauge.size:
        return True
    errors = np.subtract(answer, values, dtype=np.float64)
    unknown, sizes = near.errors(gauge, places), np.abs(values)
    unsettled = _unsettled(sizes, unknown)
    groups = gauge.size - unsettled  # at least
    # From here on, errors are in units of eps * gauge.
    unit = FORMATS[dtype].eps * gauge
    leaning, doubt = errors / unit, unknown / unit
    most = float(np.abs(leaning).max() + doubt.max())
    if most == 0:
        return True
    squares, doubts = float(np.vdot(leaning, leaning)), float(np.vdot(doubt, doubt))
    certain = squares - 2 * unsettled * most**2
    if groups < 1 or not certain > doubts:
        return False
    up, away = abs(leaning.sum()), abs(np.vdot(leaning, np.sign(values)))
    astray = 3 * unsettled * most + float(doubt.sum())
    if not max(up, away) + astray < most_lean(groups) * (certain**0.5 - doubts**0.5) * _ROOM:
        return False
    limit = most_spread(SPREAD_IN_ANY_ORDER, gauge.size) * groups * _ROOM
    # No variance is below eps**2 / 12 * (n + 3) / 4 * gauge**2, with the eps of the accumulator. Often that decides.
    narrower = FORMATS[dtype].eps / FORMATS[problem.accumulator].eps
    if narrower**2 * 48 / (problem.terms + 3) * (squares**0.5 + doubts**0.5) ** 2 <= limit:
        return True
    sums = Sums(np.maximum(sizes - unknown, 0.0), gauge, np.square(gauge), problem.terms)
    variance = sums.variance(dtype, problem.accumulator, any_order=True)
    return bool((np.square(np.abs(errors) + unknown) / variance).sum() <= limit)


def _unsettled(sizes: np.ndarray, unknown: np.ndarray) -> int:
    """Count the elements that may have the significand of another, at most.

    The numbers are known to within `unknown`. Sort the lower ends of their significands, and the upper ends. Take a
    cluster of m intervals that overlap. Each of its first m - 1 upper ends reaches the next lower end. Otherwise, as
    many intervals would have ended there as had begun, and the cluster would be two. So each such pair of ends stands
    for at most two elements.
    """
    # The significand, from 1 to 2, is the number with the exponent of 1.
    significands = ((sizes.view(np.int64) & _SIGNIFICAND) | _ONE).view(np.float64)
    width = 2 * unknown / sizes
    low, high = significands - width, significands + width
    settled = (low >= 1) & (high < 2) & (sizes >= FORMATS["float64"].smallest_normal)
    wild = sizes.size - int(np.count_nonzero(settled))
    if wild:
        low, high = low[settled], high[settled]
    low.sort()
    high.sort()
    return wild + 2 * int(np.count_nonzero(high[:-1] >= low[1:]))
