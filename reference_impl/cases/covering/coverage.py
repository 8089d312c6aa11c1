"""Measure which combinations of levels a list of cases has, out of all that are feasible."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import prod

import numpy as np

from .space import Space

# Indices that are held in memory at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Combinations:
    """All combinations of levels of any `strength` factors of a space. Each has a number.

    The numbers of the combinations of one choice of factors follow each other.
    """

    space: Space
    strength: int

    @cached_property
    def choices(self) -> np.ndarray:
        """Each choice of `strength` columns, as a row."""
        return np.array(list(combinations(range(len(self.space.counts)), self.strength)))

    @cached_property
    def _strides(self) -> np.ndarray:
        """The step from one level to the next, for each choice and each of its columns."""
        counts = np.array(self.space.counts)[self.choices]
        after = np.ones_like(counts)
        after[:, :-1] = np.cumprod(counts[:, :0:-1], axis=1)[:, ::-1]
        return after

    @cached_property
    def starts(self) -> np.ndarray:
        """The first number of each choice, and the count of all numbers."""
        sizes = [prod(self.space.counts[column] for column in choice) for choice in self.choices]
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def weights(self) -> np.ndarray:
        """A matrix (factors, choices): levels @ weights + starts are the numbers of the combinations of a case."""
        matrix = np.zeros((len(self.space.counts), len(self.choices)), np.int32)
        matrix[self.choices, np.arange(len(self.choices))[:, None]] = self._strides
        return matrix

    @cached_property
    def feasible(self) -> np.ndarray:
        """True for the number of each feasible combination. It is not to be written to."""
        found = [self.space.feasible(tuple(choice)).reshape(-1) for choice in self.choices.tolist()]
        result = np.concatenate(found)
        result.flags.writeable = False
        return result

    def numbers(self, levels: np.ndarray) -> np.ndarray:
        """The numbers of the combinations that each row of levels has."""
        return levels.astype(np.int32) @ self.weights + self.starts[:-1]

    def covered(self, levels: np.ndarray) -> np.ndarray:
        """True for the number of each feasible combination that some row of levels has. A level of -1 is none."""
        found = np.zeros(self.starts[-1] + 1, bool)
        rows = max(1, _AT_ONCE // len(self.choices))
        for first in range(0, len(levels), rows):
            block = levels[first : first + rows]
            numbers = self.numbers(block)
            if (block < 0).any():
                numbers[(block < 0) @ (self.weights > 0)] = self.starts[-1]
            found[numbers] = True
        return found[:-1] & self.feasible

    def share(self, levels: np.ndarray) -> tuple[int, int]:
        """The number of feasible combinations that the rows of levels have, and the number of all of them."""
        return int(self.covered(levels).sum()), int(self.feasible.sum())
