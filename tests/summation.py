"""Matrix products that add in a known order and round in a known way. All values are held in float64.

A product of two 24-bit numbers, or a sum of two, rounded to float64 and then to 24 bits or fewer,
is as if rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np


@dataclass(frozen=True)
class Arithmetic:
    """Numbers of `bits` significant bits; `rounding` is "nearest", "truncated", "down" or "stochastic"."""

    bits: int = 24
    rounding: str = "nearest"

    def rounded(self, values):
        fractions, exponents = np.frexp(values)
        scaled = fractions * 2.0**self.bits
        if self.rounding == "stochastic":
            integers = np.floor(scaled + np.random.default_rng(int(abs(scaled.flat[0])) % 2**32).random(scaled.shape))
        else:
            integers = {"nearest": np.rint, "truncated": np.trunc, "down": np.floor}[self.rounding](scaled)
        return np.ldexp(integers, exponents - self.bits)

    def add(self, one, other):
        return self.rounded(one + other)


class Single(Arithmetic):
    """The same as `Arithmetic()`, and faster."""

    def rounded(self, values):
        return values.astype(np.float32).astype(np.float64)


def _in_turn(terms, arithmetic):
    total = np.zeros(terms.shape[1:])
    for term in terms:
        total = arithmetic.add(total, term)
    return total


def _reversed(terms, arithmetic):
    return _in_turn(terms[::-1], arithmetic)


def _pairwise(terms, arithmetic):
    while len(terms) > 1:
        half = len(terms) // 2
        terms = np.concatenate([arithmetic.add(terms[:half], terms[half : 2 * half]), terms[2 * half :]])
    return terms[0]


def _lanes(count, terms, arithmetic):
    """Term i goes to lane i % count, as in a vector register."""
    terms = np.concatenate([terms, np.zeros((-len(terms) % count, *terms.shape[1:]))])
    return _pairwise(_in_turn(terms.reshape(-1, count, *terms.shape[1:]), arithmetic), arithmetic)


def _kahan(terms, arithmetic):
    total = lost = np.zeros(terms.shape[1:])
    for term in terms:
        term = arithmetic.add(term, -lost)
        larger = arithmetic.add(total, term)
        lost = arithmetic.add(arithmetic.add(larger, -total), -term)
        total = larger
    return total


def _blocks(size, terms, arithmetic):
    sums = [_in_turn(terms[start : start + size], arithmetic) for start in range(0, len(terms), size)]
    return _in_turn(np.stack(sums), arithmetic)


def _split(count, terms, arithmetic):
    """Each of `count` workers adds its part of the terms; then the parts are added."""
    return _in_turn(np.stack([_in_turn(some, arithmetic) for some in np.array_split(terms, count)]), arithmetic)


ORDERS = {
    "sequential": _in_turn,
    "reversed": _reversed,
    **{f"{count} lanes": partial(_lanes, count) for count in (4, 8, 16)},
    "pairwise": _pairwise,
    "Kahan": _kahan,
    "blocks of 16": partial(_blocks, 16),
    **{f"split in {count}": partial(_split, count) for count in range(2, 9)},
    "fused": _in_turn,
}
NEAREST = Single()
# Accumulators that the statistics must catch, in the order that shows each.
WRONG = {
    "truncated": ("8 lanes", Arithmetic(24, "truncated")),
    "truncated, sequential": ("sequential", Arithmetic(24, "truncated")),
    "rounded down": ("pairwise", Arithmetic(24, "down")),
    "stochastic": ("sequential", Arithmetic(24, "stochastic")),
    "float16": ("sequential", Arithmetic(11)),
    "bfloat16": ("8 lanes", Arithmetic(8)),
}


def product(a, b, order, arithmetic=NEAREST):
    """Return a @ b, (m, n) by (n, k), in float64. Only "fused" leaves the products as they are."""
    terms = a.T[:, :, None].astype(np.float64) * b[:, None, :].astype(np.float64)
    return ORDERS[order](terms if order == "fused" else arithmetic.rounded(terms), arithmetic)
