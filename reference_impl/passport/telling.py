"""The passport of a kernel: the order and precision of its sums, where its bits stay the same, and its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..backends.promises import DETERMINISTIC, PROMISES
from ..cases.case import Case
from ..exact.formats import FORMATS
from ..operations import OPERATIONS
from ..verdicts.real_data import real_task
from .element import Ask, Element, Index, Probe
from .invariance import CASES as INVARIANCE_CASES
from .invariance import Invariance, MakeOnThreads, digests, invariances
from .naming import Labels, name_of
from .order import SCALES, Masks, Tree, Untold, leaves, nodes, reveal
from .precision import Precision, precision
from .replay import Replayed, replayed

# One output and many, few channels and many, 1x1 and 3x3. The filter gradient sums over images and positions.
CASES = tuple(
    Case.parse(spec) for spec in ("n1_h1w1c48_k1x1o1", "n2_h4w5c64_k1x1o16", "n2_h6w7c3_k3x3o4", "n2_h6w7c16_k3x3o16")
)
# More products than that take many calls, and chains of them are too deep to compare.
MOST_TERMS = 700
# Channels between which an order may change.
_CHANNELS = (4, 16, 64, 128)
_EXACT = "no order shows: no product is lost beside a larger one, as in exact or very wide sums"


@dataclass(frozen=True)
class Errors:
    """Errors on real data, in eps * gauge: the worst, the root mean square and the mean. `expected` is that root."""

    worst: float
    root_mean_square: float
    bias: float
    expected: float | None


@dataclass(frozen=True)
class ToldSum:
    """The sum of one element of one operation on one case."""

    operation: str
    case: Case
    terms: int
    calls: int
    order: str
    tree: Tree | None
    precision: Precision | None
    errors: Errors | None
    untold: bool = False
    replayed: Replayed | None = None
    """Random sums that come out to the bit, if they are added in this order and precision."""


@dataclass(frozen=True)
class Passport:
    """The passport of a backend in one dtype."""

    name: str
    version: str
    dtype: str
    sums: tuple[ToldSum, ...]
    invariances: dict[str, tuple[Invariance, ...]]
    changes: dict[str, str] = field(default_factory=dict)
    bits: dict[str, dict[str, str]] = field(default_factory=dict)
    """A digest of the answer of each operation to each of the cases of invariance, to compare passports."""


def element_of(operation: str, case: Case) -> Element:
    """An element in the middle of an operation's result."""
    shapes = {"conv2d": case.output_shape, "conv2d_backprop_filter": case.filter_sizes}
    index: Index = tuple(size // 2 for size in shapes.get(operation, case.input_sizes))
    return Element(operation, case, index)


def passport(
    ask: Ask,
    supports: Mapping[str, Sequence[Case]],
    invariance_cases: Mapping[str, Sequence[Case]],
    dtype: str,
    on_threads: MakeOnThreads,
    *,
    name: str = "",
    version: str = "",
    promises: Sequence[str] = tuple(PROMISES),
    changes: bool = True,
) -> Passport:
    """Ask a kernel for its passport. `supports` and `invariance_cases` have the cases of each operation."""
    sums, held, changed, bits = [], {}, {}, {}
    for operation, cases in supports.items():
        held[operation] = tuple(invariances(ask, operation, invariance_cases[operation], promises, on_threads))
        races = any(seen.promise == DETERMINISTIC and seen.holds is False for seen in held[operation])
        bits[operation] = {} if races else digests(ask, operation, invariance_cases[operation])
        sums += [told_sum(ask, operation, case, races=races) for case in cases]
        if changes and cases and not races:
            changed[operation] = _change(ask, operation, dtype)
    changed = {one: said for one, said in changed.items() if said}
    return Passport(name, version, dtype, tuple(sums), held, changed, bits)


def told_sum(ask: Ask, operation: str, case: Case, *, races: bool = False) -> ToldSum:
    """Tell the order, precision and error of one sum."""
    element = element_of(operation, case)
    probe = Probe(ask, element)
    tree, found, untold, again = None, None, False, None
    if races:
        order, untold = "cannot be told: the bits differ from run to run", True
    elif probe.terms > MOST_TERMS:
        order, untold = f"not asked: {probe.terms} products are more than {MOST_TERMS}", True
    elif probe.terms < 2:
        order = "a single product"
    else:
        try:
            tree = reveal(Masks(probe))
            order = _EXACT if tree is None else name_of(tree, _labels(element))
            if tree is not None:
                found = precision(probe, tree)
                if _compensates(probe, tree, order, found):
                    tree, order = None, "compensated (as Kahan's): numbers too small to be added one by one are kept"
                else:
                    again = replayed(probe, tree, found)
        except Untold as reason:
            order, untold = f"cannot be told: {_shown(probe)}{reason}", True
    errors = _errors(ask, element, tree, found)
    return ToldSum(operation, case, probe.terms, probe.calls, order, tree, found, errors, untold, again)


def _labels(element: Element) -> Labels:
    return Labels(tuple(term.label for term in element.terms), element.axes)


def _shown(probe: Probe) -> str:
    """Say that factors are mixed before they are multiplied, as they are in Winograd's and Fourier's transforms."""
    random = np.random.default_rng(0)
    first, second = random.standard_normal((2, 2, probe.terms))
    first[1], second[1] = first[0], second[0]
    some = random.random(probe.terms) < 0.5
    second[:, some] = 0.0
    first[0, some], first[1, some] = 0.0, SCALES[probe.element.case.dtype][0].large
    plain, mixed = probe.sums(first, second, 0.0)
    if plain == mixed:
        return ""
    return "products of 0 and large numbers change the sum, as in Winograd's or Fourier's transforms; "


def _compensates(probe: Probe, tree: Tree, order: str, found: Precision) -> bool:
    """True if a chain keeps numbers that are each too small to be added to its first one."""
    if not order.startswith("one after another") or probe.terms < 8 or found.wide or not found.additions:
        return False
    bits = max(found.additions.values())
    first = np.full((1, probe.terms), 2.0 ** -(bits // 2))
    second = np.full((1, probe.terms), 2.0 ** (bits // 2 - bits - 1))
    start = _start(tree)
    first[0, start] = second[0, start] = 1.0
    return found.rounding == "to nearest" and probe.sums(first, second)[0] > 1


def _start(tree: Tree) -> int:
    while isinstance(tree, tuple):
        tree = max(tree, key=lambda part: len(leaves(part)))
    return tree


def _errors(ask: Ask, element: Element, tree: Tree | None, found: Precision | None) -> Errors | None:
    """The errors of all elements on real data, and those to be expected of the order."""
    task = real_task(element.case, element.operation, 0, "normal")
    (answer,) = ask([task.call])
    eps = FORMATS[element.case.dtype].eps
    telling = task.gauge > 0
    if not telling.any():
        return None
    units = (np.asarray(answer).astype(np.float64) - task.exact)[telling] / (eps * task.gauge[telling])
    expected = None
    if tree is not None and found is not None:
        expected = _expected(element, tree, found, task.call.arrays, eps)
    return Errors(float(np.abs(units).max()), float(np.sqrt(np.mean(units**2))), float(units.mean()), expected)


def _expected(element: Element, tree: Tree, found: Precision, arrays: dict[str, np.ndarray], eps: float) -> float:
    """The expected error of this element on other data like these, in eps * gauge.

    Rounding s to nearest errs by up to u * |s|, and its mean square is u**2 * s**2 / 3, or a little less.
    """
    first, second = (array.astype(np.float64).ravel() for array in arrays.values())
    random = np.random.default_rng(1)
    count = len(element.terms)
    products = random.choice(first, (64, count)) * random.choice(second, (64, count))
    gauge = np.abs(products).sum(1)
    below = [leaves(node) for node in nodes(tree)]
    partial = np.stack([products[:, some].sum(1) for some in below])
    bits = max(found.additions.values(), default=FORMATS[element.case.dtype].precision)
    unit = 2.0 ** (1 - bits)
    factor = 1 / 12 if found.rounding == "to nearest" else 1 / 3
    squares = factor * unit**2 * np.square(partial[1:]).sum(0)
    if found.products.startswith("rounded"):
        squares += unit**2 / 12 * np.square(products).sum(1)
    squares += max(eps, unit) ** 2 / 12 * np.square(partial[0])
    return float(np.sqrt(np.mean(squares / gauge**2)) / eps)


def _change(ask: Ask, operation: str, dtype: str) -> str:
    """Say between which numbers of channels the order changes; "" if it does not, or sums over something else."""
    if operation == "conv2d_backprop_filter":
        return ""
    found: dict[int, ToldOrder] = {}

    def of(channels: int) -> ToldOrder:
        if channels not in found:
            found[channels] = ToldOrder.of(ask, operation, Case(1, 2, 3, channels, (1, 1), channels, dtype=dtype))
        return found[channels]

    try:
        for fewer, more in pairwise(_CHANNELS):
            if of(fewer).same_as(of(more)):
                continue
            while more - fewer > 1:
                middle = (fewer + more) // 2
                fewer, more = (middle, more) if of(fewer).same_as(of(middle)) else (fewer, middle)
            return f"changes between {fewer} and {more} channels: from {of(fewer).name}, to {of(more).name}"
    except Untold:
        return ""
    return ""


@dataclass(frozen=True)
class ToldOrder:
    """An order, to be compared with that of another size."""

    tree: Tree | None
    name: str
    terms: int

    @classmethod
    def of(cls, ask: Ask, operation: str, case: Case) -> ToldOrder:
        element = element_of(operation, case)
        tree = reveal(Masks(Probe(ask, element)), checked=8)
        return cls(tree, "" if tree is None else name_of(tree, _labels(element)), len(element.terms))

    def same_as(self, more: ToldOrder) -> bool:
        """True if the order of more products is this one as far as this one goes, or has its name."""
        return self.name == more.name or self.tree == _first(more.tree, self.terms)


def _first(tree: Tree | None, count: int) -> Tree | None:
    """The tree of the first products, without the others."""
    if not isinstance(tree, tuple):
        return tree if tree is not None and tree < count else None
    parts = tuple(part for part in (_first(one, count) for one in tree) if part is not None)
    return parts if len(parts) > 1 else parts[0] if parts else None


def cases_of(dtype: str, offered: Sequence[str] = OPERATIONS, given: Sequence[Case] = CASES) -> dict[str, list[Case]]:
    """The cases of each operation, in a dtype."""
    return {operation: [case.with_dtype(dtype) for case in given] for operation in offered}


def invariance_cases_of(dtype: str, offered: Sequence[str] = OPERATIONS) -> dict[str, list[Case]]:
    return cases_of(dtype, offered, INVARIANCE_CASES)
