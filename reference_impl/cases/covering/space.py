"""A space of cases: the product of parts that are chosen one by one, under a bound on the multiply-adds.

A case has parts: each axis, the channels, the batch. Each part has a list of small configurations. The multiply-adds
of a case are the product of the costs of its parts. Nothing else ties two parts together but the padding word, which
holds for both axes. So a space is a list of branches, one for each word, and a branch is a product of parts.

This makes feasibility exact. Some levels of some factors are feasible together if, in a branch, the cheapest
configurations of each part with these levels multiply to no more than the bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np


@dataclass(frozen=True)
class Part:
    """The distinct rows of levels that one part of a case can have.

    Parameters
    ----------
    columns : the columns of its factors among all factors
    rows : the levels of each, distinct
    costs : the least cost of a configuration with these levels
    shapes : the shapes that each row can have, as numbers; none, if rows are not to be paired by shape
    """

    columns: tuple[int, ...]
    rows: np.ndarray
    costs: np.ndarray
    shapes: tuple[frozenset[int], ...] = ()
    _cheapest: dict = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, columns: tuple[int, ...], levels: np.ndarray, costs: np.ndarray, shapes: np.ndarray | None = None
    ) -> Part:
        """The part with these configurations, each given by its levels, its cost and, maybe, its shape."""
        # Cheapest first, so that the first configuration with some levels is the cheapest one.
        order = np.argsort(costs, kind="stable")
        codes = np.ravel_multi_index(tuple(levels[order].T), tuple(levels.max(axis=0) + 1))
        _, first, which = np.unique(codes, return_index=True, return_inverse=True)
        rows = order[first]
        if shapes is None:
            return cls(columns, levels[rows], np.asarray(costs, float)[rows])
        found: list[set[int]] = [set() for _ in rows]
        for row, shape in set(zip(which.reshape(-1).tolist(), shapes[order].tolist(), strict=True)):
            found[row].add(shape)
        return cls(columns, levels[rows], np.asarray(costs, float)[rows], tuple(map(frozenset, found)))

    def alike(self, other: Part, row: int) -> np.ndarray:
        """The rows that can have a shape that this row of another part can have."""
        its = other.shapes[row] if other.shapes else frozenset()
        return np.array([number for number, shapes in enumerate(self.shapes) if shapes & its], int)

    def cheapest(self, chosen: tuple[int, ...], counts: Sequence[int]) -> np.ndarray:
        """The least cost for all levels of the `chosen` columns, as an axis each; infinity where there is none."""
        if chosen not in self._cheapest:
            least = np.full([counts[column] for column in chosen] or [1], np.inf)
            index = tuple(self.rows[:, self.columns.index(column)] for column in chosen)
            np.minimum.at(least, index or (np.zeros(len(self.rows), int),), self.costs)
            self._cheapest[chosen] = least if chosen else least[0]
        return self._cheapest[chosen]


@dataclass(frozen=True)
class Space:
    """All cases of a product of parts, of a branch of these, with at most `most` multiply-adds.

    Parameters
    ----------
    counts : the number of levels of each factor
    branches : of each branch, its parts; together they have all columns, in order
    most : the most multiply-adds of a case
    """

    counts: tuple[int, ...]
    branches: tuple[tuple[Part, ...], ...]
    most: int

    def feasible(self, columns: tuple[int, ...]) -> np.ndarray:
        """True for each combination of levels of these columns that a case of the space has: an axis a column."""
        return reduce(np.logical_or, (self._least(parts, columns) <= self.most for parts in self.branches))

    def _least(self, parts: Sequence[Part], columns: tuple[int, ...]) -> np.ndarray:
        least: np.ndarray = np.ones(())
        for part in parts:
            chosen = tuple(column for column in columns if column in part.columns)
            least = np.multiply.outer(least, part.cheapest(chosen, self.counts))
        return least
