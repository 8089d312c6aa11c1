"""The precision of a sum whose order is known: of its factors, its products and its additions, and how these round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..exact.formats import FORMATS
from .element import Probe
from .order import MANY_TERMS, Tree, nodes, sizes, smallest

# The largest product of these probes, as a power of two. So the smallest result is a normal number of the dtype.
_TOP = {"float16": 10}
# Bits after the first that are tried: all that a narrow accumulator may have, and those around the wider formats'.
_NARROW, _WIDE = range(1, 27), (31, 47, 51, 52, 53, 59)
_STEPS = {
    "float16": tuple(range(1, 25)),
    "bfloat16": (*_NARROW, *_WIDE),
    "float32": (*_NARROW, *_WIDE),
    "float64": (7, 10, 22, 23, 24, 50, 51, 52, 53, 62, 63, 64, 104, 105, 106, 109),
}
_FORMATS = {form.precision: name for name, form in FORMATS.items()}
_MOST_NODES = 8
# So many products are asked if they are fused. If all are, or none is, so are the others.
_MOST_STEPS = 256
# Results in units of the last place, for numbers of +3/4, -3/4, +1/4 and -1/4 of it.
_QUARTERS = (0.75, -0.75, 0.25, -0.25)
_ROUNDINGS: dict[tuple[int, ...], str] = {
    (1, -1, 0, 0): "to nearest",
    (0, 0, 0, 0): "toward zero (truncated)",
    (0, -1, 0, -1): "down",
    (1, 0, 1, 0): "up",
    (1, -1, 1, -1): "away from zero",
}
AT_RANDOM = "at random, or in another way"
Part = tuple[int, int]
"""A sum in a tree: its first product, and its number of products."""


@dataclass(frozen=True)
class Precision:
    """The precision of a sum.

    Parameters
    ----------
    factors : bits that are kept of the first and of the second factor; all, if the additions keep no more of them
    additions : bits that are kept of sums of various sizes, by their number of products; the last sum is left out
    rounding : of the additions
    products : "exact", "fused", "partly fused" or "rounded"
    fused : the products that are not rounded before they are added
    wide : True if no probe shows an end of `additions`
    stored : sums of which fewer bits are kept than of others: the first product of each, and its number of products
    """

    factors: tuple[int, int]
    additions: dict[int, int]
    rounding: str
    products: str
    fused: frozenset[int]
    wide: bool
    stored: frozenset[Part] = frozenset()

    @property
    def words(self) -> str:
        bits = sorted(set(self.additions.values()))
        if not bits:
            said = "has one addition, which gives the result"
        elif len(bits) == 1:
            said = f"adds in {'more than ' if self.wide else ''}{bits_named(bits[0])}"
        else:
            narrow, wide = bits_named(bits[0]), bits_named(bits[-1])
            narrower = sorted(size for size, found in self.additions.items() if found < bits[-1])
            wider = max(size for size, found in self.additions.items() if found == bits[-1])
            said = f"adds in {wide} up to {wider} products, and in {narrow} between such parts"
            if wider > narrower[0]:
                of = f"{', '.join(map(str, narrower[:4]))}{' ...' if len(narrower) > 4 else ''}"
                said = f"adds in {wide}, and rounds the sums of {of} products to {narrow} on the way"
        rounds = f", rounded {self.rounding}" if bits and not self.wide else ""
        return f"{said}{rounds}; products are {self.products}"

    def bits_of(self, part: Part, otherwise: int) -> int:
        """The bits that are kept of a sum; `otherwise` if there is no sum but the last."""
        found = self.additions.values()
        return min(found) if part in self.stored else max(found, default=otherwise)

    def factors_said(self, dtype: str) -> str | None:
        """Say to what the factors are rounded; None if they are taken as they are."""
        whole = FORMATS[dtype].precision
        if self.factors == (whole, whole):
            return None
        return " and ".join(dict.fromkeys(f"rounded to {bits_named(bits, 'TF32')}" for bits in self.factors))


def bits_named(bits: int, of_11: str = "float16") -> str:
    name = of_11 if bits == 11 else _FORMATS.get(bits)
    return f"{name} ({bits} bits)" if name else f"{bits} bits"


def precision(probe: Probe, tree: Tree) -> Precision:
    """Ask a kernel for the precision of a sum of this order."""
    dtype = probe.element.case.dtype
    factors = _factors(probe)
    trios = _trios(tree)
    by_size = {size: trio for (_, size), trio in reversed(trios.items())}
    additions = {size: _bits(probe, by_size[size]) for size in _chosen(sorted(by_size))}
    whole = FORMATS[dtype].precision
    bits = max(additions.values(), default=whole)
    stored: frozenset[Part] = frozenset()
    if bits > whole and len(trios) <= MANY_TERMS:  # a wide sum may be stored in the dtype on the way
        stored = _stored(probe, trios, bits)
        others = {part[1]: trios[part] for part in stored if part[1] not in additions}
        additions |= {size: _bits(probe, trio) for size, trio in others.items()}
    factors = (factors[0] if factors[0] < bits else whole, factors[1] if factors[1] < bits else whole)
    rounding = "to nearest"
    wide = bool(additions) and bits > _STEPS[dtype][-1]
    if additions and not wide:
        size = next(size for size, found in additions.items() if found == bits)
        rounding = _rounding(probe, by_size[size], bits)
    products, fused = _products(probe, tree, min(factors), bits)
    return Precision(factors, additions, rounding, products, fused, wide, stored)


def _asked(probe: Probe, rows: Sequence[dict[int, tuple[float, float]]]) -> np.ndarray:
    """Return the sums of a few products, with 0 elsewhere: {product: its factors} for each."""
    first = np.zeros((len(rows), probe.terms))
    second = np.ones_like(first)
    for number, row in enumerate(rows):
        for product, factors in row.items():
            first[number, product], second[number, product] = factors
    return probe.sums(first, second)


def _power(exponent: float, sign: float = 1.0) -> tuple[float, float]:
    """Factors of a power of two, each within a narrow range."""
    half = int(exponent) // 2
    return sign * 2.0**half, 2.0 ** (exponent - half)


def _factors(probe: Probe) -> tuple[int, int]:
    """The number of bits that are kept of 1 + 2**-k, in each of the two arrays."""
    most = FORMATS[probe.element.case.dtype].precision
    values = [1 + 2.0**-k for k in range(1, most)]
    middle = probe.terms // 2
    found = []
    for pair in (lambda value: (value, 1.0)), (lambda value: (1.0, value)):
        sums = _asked(probe, [{middle: pair(value)} for value in values])
        found.append(1 + max((k for k, value in enumerate(values, 1) if sums[k - 1] == value), default=0))
    return found[0], found[1]


def _trios(tree: Tree) -> dict[Part, tuple[int, int, int]]:
    """For each sum but the last: two products that meet there, and one that is added right after."""
    found: dict[Part, tuple[int, int, int]] = {}
    below = sizes(tree)
    for node in nodes(tree):
        for part in node:
            if isinstance(part, tuple):
                other = next(one for one in node if one is not part)
                trio = smallest(part[0]), smallest(part[1]), smallest(other)
                found[smallest(part), below[id(part)]] = trio
    return found


def _chosen(several: Sequence[int]) -> Sequence[int]:
    half = _MOST_NODES // 2
    return several if len(several) <= _MOST_NODES else [*several[:half], *several[-half:]]


def _stored(probe: Probe, trios: dict[Part, tuple[int, int, int]], bits: int) -> frozenset[Part]:
    """The sums that do not keep so many bits."""
    top = _TOP.get(probe.element.case.dtype, 0)
    last_bit = top - bits + 1
    rows = [{one: _power(top), other: _power(last_bit), last: _power(top, -1.0)} for one, other, last in trios.values()]
    kept = _asked(probe, rows) == 2.0**last_bit
    return frozenset(part for part, whole in zip(trios, kept, strict=True) if not whole)


def _bits(probe: Probe, trio: tuple[int, int, int]) -> int:
    """The number of bits that 1 + 2**-k may have and still be kept by an addition."""
    one, other, last = trio
    top = _TOP.get(probe.element.case.dtype, 0)
    steps = _STEPS[probe.element.case.dtype]
    rows = [{one: _power(top), other: _power(top - k), last: _power(top, -1.0)} for k in steps]
    sums = _asked(probe, rows)
    return 1 + max((k for k, left in zip(steps, sums, strict=True) if left == 2.0 ** (top - k)), default=0)


def _rounding(probe: Probe, trio: tuple[int, int, int], bits: int) -> str:
    one, other, last = trio
    top = _TOP.get(probe.element.case.dtype, 0)
    patterns = set()
    for scale in range(top, top - 6, -1):
        unit = 2.0 ** (scale - bits + 1)
        rows = []
        for part in _QUARTERS:
            sign = np.sign(part)
            half, rest = _power(scale - bits + 1)
            rows.append({one: _power(scale, sign), other: (half * abs(part), sign * rest), last: _power(scale, -sign)})
        patterns.add(tuple(round(value / unit) if np.isfinite(value) else 9 for value in _asked(probe, rows)))
    return _ROUNDINGS.get(next(iter(patterns)), AT_RANDOM) if len(patterns) == 1 else AT_RANDOM


def _products(probe: Probe, tree: Tree, factors: int, additions: int) -> tuple[str, frozenset[int]]:
    """Square 1 + 2**-h, and take off all but the last bit: that bit is left only if the square was not rounded."""
    if probe.terms < 2:
        return "rounded once, as the result", frozenset()
    half = (min(factors, additions) + 1) // 2
    value, rest = 1 + 2.0**-half, 1 + 2.0 ** (1 - half)
    steps: list[tuple[int, Tree]] = [
        (one, other)
        for node in nodes(tree)
        for one in node
        for other in node
        if one is not other and not isinstance(one, tuple)
    ]

    def fused_of(some: Sequence[tuple[int, Tree]]) -> frozenset[int]:
        rows = [{one: (value, value), smallest(other): (-rest, 1.0)} for one, other in some]
        kept = _asked(probe, rows) == 2.0 ** (-2 * half)
        return frozenset(one for (one, _), whole in zip(some, kept, strict=True) if whole)

    # A chain begins with two products: one of them is no step.
    pairs = [step for step in steps if not isinstance(step[1], tuple)]
    single = [step for step in steps if isinstance(step[1], tuple)]
    asked = single[:: max(1, len(single) // _MOST_STEPS)]
    of_pairs, fused = fused_of(pairs), fused_of(asked)
    if len(asked) < len(single):
        fused = frozenset(one for one, _ in single) if len(fused) == len(asked) else fused and fused_of(single)
    fused |= of_pairs
    if len(fused) == len({one for one, _ in steps}):
        return "exact", fused
    able = [*({one} for one, _ in single), *{frozenset(pair) for pair in pairs}]
    count = sum(bool(some & fused) for some in able)
    if count == len(able):
        return "fused: not rounded before they are added", fused
    rounded = f"rounded to {bits_named(min(factors, additions))} before they are added"
    return (f"partly fused, {count} of {len(able)}, and else {rounded}" if count else rounded), fused
