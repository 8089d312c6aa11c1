"""Build a covering design: few rows of levels that have every feasible combination of a given strength.

A greedy: each row is given a combination that no row has yet. Then one part at a time is exchanged for a better one, so
that the row has as many more as can be found. The same seed gives the same design in every version of Python.

Libraries on PyPI were tried on these factors, without constraints. allpairspy 2.5.1 covers pairs only: for 3 factors it
gives 77 rows, and 180 are needed. covertable 3.2.0 covers pairs in 4 seconds, and
did not end in 90 for 3 factors. pypict has no wheel, and PICT's constraints know no products of parameters.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from .coverage import Combinations
from .space import Part

# A row that can have the shapes of the one before is taken if it adds this part of what that one added.
_WORTH = 0.4
# The rows of a part that are tried in exchange, the exchanges of all parts, and the starts for one row of the design.
_TRIED, _ROUNDS, _STARTS = 200, 3, 8
# The addends of parts with at most this many rows are kept.
_KEPT = 1000


def design(combinations: Combinations, seed: int = 0, begun: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield rows of levels until every feasible combination is in one of them, or in one of the rows of `begun`."""
    return _Greedy(combinations, random.Random(seed), begun).rows()


@dataclass(frozen=True)
class _Row:
    """The row that is chosen of each part, and the number of missing combinations that they have."""

    parts: tuple[Part, ...]
    chosen: tuple[int, ...]
    gain: int


class _Greedy:
    def __init__(self, combinations: Combinations, source: random.Random, begun: np.ndarray | None) -> None:
        self.combinations = combinations
        self.source = source
        self.missing = combinations.feasible.copy()
        if begun is not None:
            self.missing &= ~combinations.covered(begun)
        self._begins = combinations.starts[:-1].astype(np.int32)
        self._added: dict[int, np.ndarray] = {}

    def rows(self) -> Iterator[np.ndarray]:
        while len(left := np.flatnonzero(self.missing)):
            best = max((self._row(int(left[self._below(len(left))])) for _ in range(_STARTS)), key=lambda row: row.gain)
            yield self._take(best)
            alike = max((self._alike(best) for _ in range(_STARTS)), key=lambda row: row.gain)
            if alike.gain >= _WORTH * best.gain:
                yield self._take(alike)

    def _take(self, row: _Row) -> np.ndarray:
        levels = np.concatenate([part.rows[number] for part, number in zip(row.parts, row.chosen, strict=True)])
        self.missing[self.combinations.numbers(levels[None])] = False
        return levels

    def _below(self, count: int) -> int:
        # Python promises the same numbers in all its versions for random() alone.
        return int(self.source.random() * count)

    def _shuffled(self, count: int) -> list[int]:
        return sorted(range(count), key=lambda _: self.source.random())

    def _row(self, number: int) -> _Row:
        """A row with the combination of this number."""
        wanted = self._levels_of(number)
        branches = self.combinations.space.branches
        for which in self._shuffled(len(branches)):
            parts = branches[which]
            allowed = [_matching(part, wanted) for part in parts]
            row = self._begun(parts, allowed)
            if row is not None:
                return self._improved(row, allowed)
        raise AssertionError(f"combination {number} is feasible, so some branch must have it: {wanted}")

    def _alike(self, other: _Row) -> _Row:
        """A row that can have the shapes of another."""
        branches = self.combinations.space.branches
        parts = branches[self._below(len(branches))]
        pairs = zip(parts, other.parts, other.chosen, strict=True)
        allowed = [part.alike(its, number) for part, its, number in pairs]
        row = self._begun(parts, allowed)
        return self._improved(row, allowed) if row is not None else replace(other, gain=0)

    def _levels_of(self, number: int) -> dict[int, int]:
        """Column -> level, for the combination of this number."""
        choice = int(np.searchsorted(self.combinations.starts, number, side="right")) - 1
        columns = self.combinations.choices[choice].tolist()
        counts = [self.combinations.space.counts[column] for column in columns]
        levels = np.unravel_index(number - self.combinations.starts[choice], counts)
        return dict(zip(columns, map(int, levels), strict=True))

    def _begun(self, parts: tuple[Part, ...], allowed: list[np.ndarray]) -> _Row | None:
        """Draw a row of each part, so that the cheapest ones of the parts to come still fit; None if none fit."""
        if not all(map(len, allowed)):
            return None
        costs = [float(part.costs[rows].min()) for part, rows in zip(parts, allowed, strict=True)]
        if prod(costs) > self.combinations.space.most:
            return None
        chosen = [0] * len(parts)
        for which in self._shuffled(len(parts)):
            room = self.combinations.space.most / (prod(costs) / costs[which])
            fitting = allowed[which][parts[which].costs[allowed[which]] <= room]
            chosen[which] = int(fitting[self._below(len(fitting))])
            costs[which] = float(parts[which].costs[chosen[which]])
        return _Row(parts, tuple(chosen), -1)

    def _improved(self, row: _Row, allowed: list[np.ndarray]) -> _Row:
        """Exchange one part at a time for what adds most, until no exchange adds more."""
        for _ in range(_ROUNDS):
            before = row.gain
            for which in self._shuffled(len(row.parts)):
                part, numbers = row.parts[which], allowed[which]
                costs = [float(each.costs[number]) for each, number in zip(row.parts, row.chosen, strict=True)]
                room = self.combinations.space.most / (prod(costs) / costs[which])
                numbers = numbers[part.costs[numbers] <= room]
                if len(numbers) > _TRIED:
                    numbers = numbers[sorted(self._below(len(numbers)) for _ in range(_TRIED))]
                gains = self._gains(row.parts, row.chosen, which, numbers)
                top = int(gains.argmax())
                if gains[top] > row.gain:
                    chosen = (*row.chosen[:which], int(numbers[top]), *row.chosen[which + 1 :])
                    row = _Row(row.parts, chosen, int(gains[top]))
            if row.gain == before:
                break
        return row

    def _gains(self, parts: tuple[Part, ...], chosen: Sequence[int], which: int, rows: np.ndarray) -> np.ndarray:
        """The number of missing combinations with each of `rows` as the row of part `which`."""
        fixed = self._begins.copy()
        for number, (part, row) in enumerate(zip(parts, chosen, strict=True)):
            if number != which:
                fixed += self._steps(part, np.array([row]))[0]
        return np.count_nonzero(self.missing[self._steps(parts[which], rows) + fixed], axis=1)

    def _steps(self, part: Part, rows: np.ndarray) -> np.ndarray:
        """The addends of these rows of a part to the numbers of their combinations."""
        weights = self.combinations.weights[list(part.columns)]
        if len(part.rows) > _KEPT:
            return part.rows[rows].astype(np.int32) @ weights
        if id(part) not in self._added:
            self._added[id(part)] = part.rows.astype(np.int32) @ weights
        return self._added[id(part)][rows]


def _matching(part: Part, wanted: dict[int, int]) -> np.ndarray:
    """The rows of a part that have the wanted levels in its columns."""
    matches = np.ones(len(part.rows), bool)
    for position, column in enumerate(part.columns):
        if column in wanted:
            matches &= part.rows[:, position] == wanted[column]
    return np.flatnonzero(matches)
