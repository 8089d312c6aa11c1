"""A sentence on the combinations of named factors, and the pairs of named values, that a list of cases has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..case import Case
from . import configurations, factors, values
from .coverage import Combinations


@dataclass(frozen=True)
class Share:
    """The number of feasible combinations that some cases have, and the number of all."""

    covered: int
    feasible: int

    def __str__(self) -> str:
        """The share in percent, rounded down: 100 % means all."""
        return f"{np.floor(1000 * self.covered / self.feasible) / 10:g} %"

    @property
    def is_all(self) -> bool:
        return self.covered == self.feasible


def share_of_factors(cases: Sequence[Case], strength: int) -> Share:
    """The share of the feasible combinations of levels of any `strength` factors. Empty cases have none."""
    return Share(*combinations_of_factors(strength).share(factors.levels_of(cases)))


def share_of_values(cases: Sequence[Case]) -> Share:
    """The share of the feasible pairs of named values."""
    return Share(*_of_values().share(values.levels_of(cases)))


def claim(cases: Sequence[Case], most: int = 4) -> str:
    """Say which combinations of up to `most` factors, and which pairs of values, these cases have.

    `claim(catalogue.load("covering"))` begins with "all 37,027 feasible 3-way combinations of 19 named factors".
    """
    cases = list(dict.fromkeys(case.with_dtype("float32") for case in cases))
    shares = {strength: share_of_factors(cases, strength) for strength in range(2, most + 1)}
    whole = max((strength for strength, share in shares.items() if share.is_all), default=2)
    count = len(factors.FACTORS)
    first = f"{_all_or_part(shares[whole])} feasible {whole}-way combinations of {count} named factors"
    pairs = f"{_all_or_part(share_of_values(cases))} pairs of values of {len(values.VALUES)} named sizes and options"
    more = [f"{share} of the {strength}-way combinations" for strength, share in shares.items() if strength > whole]
    return "; ".join([f"{first}, {pairs} ({len(cases):,} cases)", *more])


def _all_or_part(share: Share) -> str:
    return f"all {share.feasible:,}" if share.is_all else f"{share} of {share.feasible:,}"


@cache
def combinations_of_factors(strength: int) -> Combinations:
    """All combinations of levels of any `strength` factors."""
    return Combinations(configurations.space(), strength)


@cache
def _of_values() -> Combinations:
    return Combinations(values.space(), 2)
