"""Bias and spread: what the errors of all elements together show, where each one is within its bound.

Rounding to nearest errs up as often as down, and toward zero as often as away from it. Truncation does not. So the sum
of many errors shows an accumulator that truncates. The sum of their squares shows one that is narrow or rounds at
random. docs/verdicts.md derives both thresholds.

References
----------
The TOSA specification has such a rule for dot products, in its chapter on compliance:
https://git.mlplatform.org/tosa/specification.git/tree/chapters/introduction.adoc?id=0afe61f88ce3d2f445c5f01ae5567cb1b0b7f303
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact.formats import FORMATS

# Independent errors of random sign pass LEAN with probability 2 * exp(-LEAN**2 / 2) = 5e-11.
LEAN = 7.0
# A lean below this part of the root mean square is not judged: rounding itself is not perfectly even.
_SMALLEST_LEAN = 1 / 16

# The mean of (error / allowed)**2: of a right kernel, at most, in the suite's data; and in any data, in any order.
SPREAD, SPREAD_IN_ANY_ORDER = 0.65, 1.0
# Bernstein's inequality for that mean: a right kernel passes the limit with probability exp(-_UNLIKELY) = 2e-9.
_UNLIKELY, _VARIANCE, _SCALE = 20.0, 1.3, 4.0

# Below so many terms nothing is said: a product of two short numbers shows few patterns of rounding.
FEWEST_TERMS = 8
# More elements tell little more. Then every second, third, ... is taken.
MOST_ELEMENTS = 2**16
# An element is left out if underflow may cost it more than this part of its unit.
_MOST_UNDERFLOW = 1 / 16


@dataclass(frozen=True)
class Sums:
    """Exact sums of products, and what bounds the error of adding them: arrays of one shape, as float64.

    Parameters
    ----------
    exact : the sums
    gauge : sums of the products' absolute values
    squares : sums of the products' squares, or a bound: they never pass gauge**2
    terms : the most products that one sum has
    """

    exact: np.ndarray
    gauge: np.ndarray
    squares: np.ndarray
    terms: int

    def at(self, places: np.ndarray | slice) -> Sums:
        """The sums at places that count all elements in order."""
        exact, gauge, squares = (array.reshape(-1)[places] for array in (self.exact, self.gauge, self.squares))
        return Sums(exact, gauge, squares, self.terms)

    def variance(self, dtype: str, accumulator: str, *, any_order: bool) -> np.ndarray:
        """Bound the variance of the errors of a kernel that rounds to nearest, with sums in dtype `accumulator`.

        An error of rounding s to nearest is at most u * |s|, and of variance u**2 * s**2 / 3 at most. These are the
        numbers that a sum rounds: its products, its partial sums and the result.

        The worst order for random data is one after another. Let all orders of the products be equally likely. Then
        the squares of its partial sums add up to (n + 1) * (exact**2 / 3 + squares / 6) on average, the first included.
        With `any_order`, the data need not be random: no partial sum is larger than (gauge + |exact|) / 2.
        """
        n, form, narrow = self.terms, FORMATS[accumulator], FORMATS[dtype]
        if any_order:
            partial = max(n - 1, 0) * np.square((self.gauge + np.abs(self.exact)) / 2)
        else:
            partial = (n + 1) * (np.square(self.exact) / 3 + self.squares / 6) - self.squares / max(n, 1)
        variance = form.eps**2 / 12 * (partial + self.squares) + n * narrow.smallest_subnormal**2 / 12
        if dtype == "float64" or narrow.eps > form.eps:  # the exact sum is itself rounded to float64
            variance += narrow.eps**2 / 12 * np.square(self.exact)
        return variance


@dataclass(frozen=True)
class Statistics:
    """Bias and spread of the errors of `count` elements.

    Parameters
    ----------
    up : the errors' sum, over the root of the sum of their squares
    away : the same for errors away from zero
    spread : the mean of error**2 / variance
    most_spread : its limit for so many elements
    """

    count: int
    up: float
    away: float
    spread: float
    most_spread: float

    @property
    def most_lean(self) -> float:
        return most_lean(self.count)

    @property
    def complaint(self) -> str | None:
        """Say what no right kernel would show; None if there is nothing to say."""
        leans = [(self.up, "up", "down"), (self.away, "away from zero", "toward zero")]
        size, plus, minus = max(leans, key=lambda lean: abs(lean[0]))
        if abs(size) >= self.most_lean:
            return (
                f"the errors of {self.count} elements lean {plus if size > 0 else minus}: they add up to "
                f"{abs(size):.3g} times the root of the sum of their squares, "
                f"where rounding to nearest stays below {self.most_lean:.3g}"
            )
        if self.spread > self.most_spread:
            return (
                f"the errors of {self.count} elements are too large together: their mean square is {self.spread:.3g} "
                f"times that of sums rounded to nearest, where {self.most_spread:.3g} is the most"
            )
        return None


def statistics(
    actual: np.ndarray, sums: Sums, dtype: str, accumulator: str, *, any_order: bool, flushes: bool = False
) -> Statistics | None:
    """Return the bias and spread of an answer in `dtype`; None if no element, or too short a sum, tells anything.

    Left out are elements where the dtype's range, or underflow, limits the answer. Elements whose exact values have the
    same significand count as one, with the mean of their errors: they may be the same sum, or the same product.
    """
    places = telling_places(sums.gauge.reshape(-1), sums.terms, dtype, flushes=flushes)
    form, sums = FORMATS[dtype], sums.at(places)
    if not sums.gauge.size:
        return None
    errors = actual.reshape(-1)[places].astype(np.float64) - sums.exact
    significands, _ = np.frexp(sums.exact)
    distinct = _Groups(np.abs(significands))
    count = len(distinct.counts)
    leaning = errors / (form.eps * sums.gauge)
    variance = sums.variance(dtype, accumulator, any_order=any_order)
    return Statistics(
        count,
        _lean(_Groups(significands).means(leaning)),
        _lean(distinct.means(leaning * np.sign(significands))),
        float(distinct.means(np.square(errors) / variance).mean()),
        most_spread(SPREAD_IN_ANY_ORDER if any_order else SPREAD, count),
    )


def telling_places(gauge: np.ndarray, terms: int, dtype: str, *, flushes: bool = False) -> np.ndarray | slice:
    """Return the places of the elements that are judged together, in order; none if the sums are too short."""
    form = FORMATS[dtype]
    lost = form.smallest_normal if flushes else form.smallest_subnormal

    def tells(gauge: Any) -> Any:
        telling = (gauge > 0) & (terms * lost <= _MOST_UNDERFLOW * (form.eps * gauge))
        return telling & (gauge * (1 + form.eps) <= form.largest) & (terms >= FEWEST_TERMS)

    # An element between two that tell something tells something too, so that the least and the largest decide.
    if gauge.size and tells(float(gauge.min())) and tells(float(gauge.max())):
        return slice(None, None, _step(gauge.size))
    places = np.flatnonzero(tells(gauge))
    return places[:: _step(places.size)]


def _step(count: int) -> int:
    """Return the step from one element to the next that is judged. An odd one meets every channel."""
    return count // MOST_ELEMENTS | 1 if count > MOST_ELEMENTS else 1


def most_lean(count: int) -> float:
    """The limit of a lean, for so many elements."""
    return max(LEAN, float(_SMALLEST_LEAN * np.sqrt(count)))


def most_spread(spread: float, count: int) -> float:
    """The limit of the spread, for so many elements of which each is expected to have `spread` at most."""
    return float(spread + np.sqrt(2 * _VARIANCE * _UNLIKELY / count) + _SCALE * _UNLIKELY / count)


class _Groups:
    """Groups of elements with equal keys."""

    def __init__(self, keys: np.ndarray) -> None:
        _, places, self.counts = np.unique(keys, return_inverse=True, return_counts=True)
        self._places = places.reshape(-1)

    def means(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self._places, values) / self.counts


def _lean(errors: np.ndarray) -> float:
    """Return the sum of errors, over the root of the sum of their squares."""
    root = np.sqrt(np.square(errors).sum())
    return float(errors.sum() / root) if root else 0.0
