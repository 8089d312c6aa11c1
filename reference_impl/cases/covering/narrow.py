"""A covering design for a backend with lacks: the combinations that were found in what it supports, and cases of them.

A lack is a function of a user's, so it can only be searched which combinations are feasible. Cases of the design
`covering`, and like ones with equal axes, are mixed with cases that are supported, until hardly any combination is new.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from .. import catalogue
from ..case import Case
from ..narrowing import Supported, mixed, plain_cases
from .claim import Share, combinations_of_factors
from .factors import is_empty, levels_of

# The search ends after so many rounds, or where a round adds less than this part of what was found.
_ROUNDS, _LEAST_GAIN = 6, 0.004


@dataclass(frozen=True, eq=False)
class Reach:
    """The combinations of levels that were found in what a backend supports.

    Parameters
    ----------
    strength : the number of factors in a combination
    found : True for the number of each combination that a supported case has
    cases : the supported cases that the search found
    """

    strength: int
    found: np.ndarray
    cases: tuple[Case, ...]

    def share(self, cases: Sequence[Case]) -> Share:
        """The share of the combinations that these cases have."""
        covered = combinations_of_factors(self.strength).covered(levels_of(cases)) & self.found
        return Share(int(covered.sum()), int(self.found.sum()))

    def holds_for(self, supported: Supported) -> bool:
        """True if another operation supports the same cases, as far as the search has asked."""
        asked = _targets(self.cases[0].dtype)
        mine = set(self.cases)
        return len(supported(self.cases)) == len(mine) and mine.issuperset(supported(asked))


def reach(supported: Supported, cases: Sequence[Case], strength: int, dtype: str, seed: int = 0) -> Reach | None:
    """Search for the combinations that a backend supports. The same arguments give the same.

    `cases` are counted too. None if all cases of the design are supported, or none that was tried.
    """
    targets = _targets(dtype)
    first = dict.fromkeys(supported([*targets, *cases]))
    if all(target in first for target in targets):
        return None
    plain = supported(plain_cases(dtype))
    found = first | dict.fromkeys(plain)
    if not found:
        return None
    source, count = random.Random(seed), 0
    for number in range(_ROUNDS):
        starts = plain if plain and number % 2 == 0 else list(found)
        pairs = [(starts[int(len(starts) * source.random())], target) for target in targets]
        found |= dict.fromkeys(mixed(pairs, supported, source))
        before, count = count, int(_covered(list(found), strength).sum())
        if count - before < _LEAST_GAIN * count:
            break
    return Reach(strength, _covered(list(found), strength), tuple(found))


def design(reached: Reach, begun: Sequence[Case]) -> list[Case]:
    """Choose few cases that have, with those of `begun`, all combinations that were found."""
    cases = [case for case in reached.cases if not is_empty(case)]
    numbers = combinations_of_factors(reached.strength).numbers(levels_of(cases))
    missing = reached.found & ~_covered(begun, reached.strength)
    # The number of combinations that each case adds. It may be out of date, but only too large.
    waiting = [(-int(np.count_nonzero(missing[row])), number) for number, row in enumerate(numbers)]
    heapq.heapify(waiting)
    chosen: list[Case] = []
    while waiting:
        _, number = heapq.heappop(waiting)
        adds = int(np.count_nonzero(missing[numbers[number]]))
        if waiting and adds < -waiting[0][0]:
            heapq.heappush(waiting, (-adds, number))
        elif adds:
            chosen.append(cases[number])
            missing[numbers[number]] = False
        else:
            break
    return chosen


def _covered(cases: Sequence[Case], strength: int) -> np.ndarray:
    return combinations_of_factors(strength).covered(levels_of(cases))


@cache
def _targets(dtype: str) -> tuple[Case, ...]:
    """The cases of the design, each also with the height's part on both axes, and with the width's."""
    found: dict[Case, None] = {}
    for case in catalogue.load("covering"):
        found |= dict.fromkeys([case, *(square for axis in (0, 1) if (square := _squared(case, axis)) is not None)])
    return tuple(case.with_dtype(dtype) for case in found)


def _squared(case: Case, axis: int) -> Case | None:
    """The case with the sizes and options of one axis on both; None if that is no convolution."""
    size, pads = (case.height, case.width)[axis], case.padding
    try:
        return replace(
            case,
            height=size,
            width=size,
            kernel_size=(case.kernel_size[axis],) * 2,
            strides=(case.strides[axis],) * 2,
            dilations=(case.dilations[axis],) * 2,
            padding=pads if isinstance(pads, str) else (pads[axis],) * 2,
        )
    except ValueError:
        return None
