"""Replay sums in exact arithmetic, rounded as a passport says: if order and precision are right, so are all bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..exact.formats import FORMATS
from ..verdicts.call import numpy_dtype
from .element import Probe
from .order import Tree, nodes, sizes, smallest
from .precision import Precision

SUMS = 16
_INTEGERS: dict[str, Callable[[Fraction], int]] = {
    "to nearest": round,  # ties to even
    "toward zero (truncated)": math.trunc,
    "down": math.floor,
    "up": math.ceil,
}


@dataclass(frozen=True)
class Replayed:
    """The number of random sums, and of those that a replay gives to the bit."""

    right: int
    count: int = SUMS


def replayed(probe: Probe, tree: Tree, found: Precision) -> Replayed | None:
    """Compare sums of random numbers with their replay. None if there is no model of the rounding."""
    several = len(set(found.additions.values())) > 1
    if (several and not found.stored) or found.wide or found.rounding not in _INTEGERS:
        return None
    dtype = numpy_dtype(probe.element.case.dtype)
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, SUMS, probe.terms)).astype(dtype).astype(np.float64)
    actual = probe.sums(first, second)
    widest = max(found.additions.values(), default=FORMATS[probe.element.case.dtype].precision)
    steps, right = _steps(tree, found, widest), 0
    for place in range(SUMS):
        factors = [
            [_rounded(Fraction(x), kept) for x in some[place]] for some, kept in zip((first, second), found.factors)
        ]
        products = [one * other for one, other in zip(*factors)]
        total = _replay(steps, products, widest, found)
        right += int(float(_rounded(total, FORMATS[probe.dtype].precision)) == actual[place])
    return Replayed(right)


def _steps(tree: Tree, found: Precision, widest: int) -> list[tuple[int, int, list[Tree]]]:
    """The additions, each after those below it: the identity of its node, its bits, and its sums, the largest first."""
    below = sizes(tree)

    def place(part: Tree) -> tuple[int, bool]:
        return -below.get(id(part), 1), not isinstance(part, tuple) and part in found.fused

    def bits(node: tuple) -> int:
        return found.bits_of((smallest(node), below[id(node)]), widest)

    return [(id(node), bits(node), sorted(node, key=place)) for node in reversed(list(nodes(tree)))]


def _replay(
    steps: list[tuple[int, int, list[Tree]]], products: list[Fraction], widest: int, found: Precision
) -> Fraction:
    """Add the products step by step. A product that is fused is rounded only with the sum that it is added to."""
    sums: dict[int, Fraction] = {}
    total = Fraction(0)

    def value(part: Tree, exact: bool) -> Fraction:
        if isinstance(part, tuple):
            return sums[id(part)]
        return products[part] if exact else _rounded(products[part], widest, found.rounding)

    for node, bits, (first, *others) in steps:
        total = value(first, False) + sum(value(part, part in found.fused) for part in others)
        total = _rounded(total, widest, found.rounding)
        sums[node] = total = _rounded(total, bits, found.rounding)
    return total


def _rounded(number: Fraction, bits: int, rounding: str = "to nearest") -> Fraction:
    """Round to a number of bits. Overflow and underflow are left out, as the numbers here are near 1."""
    if not number:
        return number
    exponent = abs(number.numerator).bit_length() - number.denominator.bit_length()
    if abs(number) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** (exponent - bits + 1)
    return _INTEGERS[rounding](number / unit) * unit
