"""The passport of a kernel: the order and precision of its sums, where its bits stay the same, and its error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..backends.promises import DETERMINISTIC, PROMISES
from ..cases.case import Case
from ..operations import OPERATIONS
from .changes import changes
from .element import Ask, Probe, middle_of
from .errors import Errors, errors_of
from .invariance import CASES as INVARIANCE_CASES
from .invariance import Invariance, MakeOnThreads, digests, invariances
from .labels import Labels
from .masks import SCALES, Untold
from .naming import name_of
from .order import Tree, leaves, revealed
from .places import Places, places
from .precision import Precision, precision
from .replay import Replayed, replayed

# One output and many, few channels and many, 1x1 and 3x3, and a channel alone. The filter gradient sums over images
# and positions.
CASES = tuple(
    Case.parse(spec)
    for spec in (
        "n1_h1w1c48_k1x1o1",
        "n2_h4w5c64_k1x1o16",
        "n2_h6w7c3_k3x3o4",
        "n2_h6w7c16_k3x3o16",
        "n2_h6w7c8_k3x3o8_g8",
    )
)
# Padding on all sides, a row of many columns, and channels that leave a remainder in every vector.
_MANY_OUTPUTS, _MANY_INPUTS = Case.parse("n2_h4w31c5_k3x3o37_SAME"), Case.parse("n2_h4w31c37_k3x3o5_SAME")
EDGES = {
    "conv2d": _MANY_OUTPUTS,
    "conv2d_backprop_input": _MANY_INPUTS,
    "conv2d_backprop_filter": _MANY_OUTPUTS,
    "conv2d_transpose": _MANY_INPUTS,
}
# More products than that take too many calls.
MOST_TERMS = 10_000
_EXACT = "no order shows: no product is lost beside a larger one, as in exact or very wide sums"


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
    places: Places | None = None
    """The elements that were compared with this one."""


@dataclass(frozen=True)
class Passport:
    """The passport of a backend in one dtype."""

    name: str
    version: str
    dtype: str
    sums: tuple[ToldSum, ...]
    invariances: dict[str, tuple[Invariance, ...]]
    changes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Where the order changes with the number of channels, of each operation that was asked."""
    bits: dict[str, dict[str, str]] = field(default_factory=dict)
    """A digest of the answer of each operation to each case, to compare passports."""


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
    offers: Callable[[str, Case], bool] | None = None,
) -> Passport:
    """Ask a kernel for its passport. `supports` and `invariance_cases` have the cases of each operation.

    Changes with the number of channels are searched on cases that it `offers`; without that, none are.
    """
    sums, held, changed, bits = [], {}, {}, {}
    for operation, cases in supports.items():
        held[operation] = tuple(invariances(ask, operation, invariance_cases[operation], promises, on_threads))
        races = any(seen.promise == DETERMINISTIC and seen.holds is False for seen in held[operation])
        bits[operation] = {} if races else digests(ask, operation, [*cases, *invariance_cases[operation]])
        sums += [told_sum(ask, operation, case, races=races) for case in cases]
        if offers is not None and not races:
            changed[operation] = tuple(changes(ask, operation, dtype, offers))
    return Passport(name, version, dtype, tuple(sums), held, changed, bits)


def told_sum(ask: Ask, operation: str, case: Case, *, races: bool = False) -> ToldSum:
    """Tell the order, precision and error of one sum."""
    element = middle_of(operation, case)
    probe = Probe(ask, element)
    tree, found, untold, again, where = None, None, False, None, None
    if races:
        order, untold = "cannot be told: the bits differ from run to run", True
    elif probe.terms > MOST_TERMS:
        order, untold = f"not asked: {probe.terms} products are more than {MOST_TERMS}", True
    elif probe.terms < 2:
        order = "a single product"
    else:
        try:
            masks, tree = revealed(probe)
            order = _EXACT if tree is None else name_of(tree, Labels.of(element))
            if tree is not None:
                found = precision(probe, tree)
                if _compensates(probe, tree, order, found):
                    tree, order = None, "compensated (as Kahan's): numbers too small to be added one by one are kept"
                else:
                    again = replayed(probe, tree, found)
                    where = places(masks, tree)
        except Untold as reason:
            order, untold = f"cannot be told: {_shown(probe)}{reason}", True
    errors = errors_of(ask, element, tree, found)
    return ToldSum(operation, case, probe.terms, probe.calls, order, tree, found, errors, untold, again, where)


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


def cases_of(
    dtype: str, offered: Sequence[str] = OPERATIONS, given: Sequence[Case] | None = None
) -> dict[str, list[Case]]:
    """The cases of each operation, in a dtype."""
    return {
        operation: [case.with_dtype(dtype) for case in given or (*CASES, EDGES[operation])] for operation in offered
    }


def invariance_cases_of(dtype: str, offered: Sequence[str] = OPERATIONS) -> dict[str, list[Case]]:
    return cases_of(dtype, offered, INVARIANCE_CASES)
