"""Make cases of rows of levels: draw values that have these levels, and let cases of equal shapes follow each other.

State that a kernel keeps under too few keys shows on two calls of equal shapes and other options. So the rows are
paired: two rows of a pair get the same sizes of image, kernel, channels and batch, where their levels allow it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod

import numpy as np

from ..case import PADDING_MODES, Case
from ..generation import MOST_PRODUCTS
from . import configurations
from .factors import BATCH, CHANNELS, HEIGHT, WIDTH, WORD, axis_levels, batch_levels, channel_levels

Below = Callable[[int], int]
"""Count -> an integer from 0 to count - 1, drawn at random."""

_TRIES = 40


@dataclass(frozen=True)
class _Values:
    """The configurations of a part that have the same levels, and their costs."""

    table: np.ndarray
    costs: np.ndarray

    @cached_property
    def least(self) -> float:
        return float(self.costs.min())

    @cached_property
    def shapes(self) -> dict[tuple[int, int], _Values]:
        """The configurations of an axis by their (image, kernel)."""
        rows: dict[tuple[int, int], list[int]] = {}
        for number, (image, kernel) in enumerate(self.table[:, :2].tolist()):
            rows.setdefault((image, kernel), []).append(number)
        return {shape: _Values(self.table[numbers], self.costs[numbers]) for shape, numbers in rows.items()}

    def draw(self, below: Below, room: float) -> list[int]:
        """A configuration that costs no more than `room`."""
        fitting = np.flatnonzero(self.costs <= room)
        return self.table[fitting[below(len(fitting))]].tolist()


def cases_of(rows: Sequence[np.ndarray], seed: int = 0) -> list[Case]:
    """A case for each row of levels. The first of a pair stands where its row does, and the second one behind it."""
    source = random.Random(seed)

    def below(count: int) -> int:
        # Python promises the same numbers in all its versions for random() alone.
        return int(source.random() * count)

    drafts = [_Draft.of(row) for row in rows]
    waiting = dict.fromkeys(range(len(drafts)))
    found: list[Case] = []
    while waiting:
        first = next(iter(waiting))
        del waiting[first]
        pairs = (
            (second, cases)
            for second in waiting
            if drafts[second].channels is drafts[first].channels and drafts[second].batch is drafts[first].batch
            for cases in [_pair(drafts[first], drafts[second], below)]
            if cases
        )
        second, cases = next(pairs, (first, []))
        waiting.pop(second, None)
        found += cases or [drafts[first].case(below)]
    return found


@dataclass(frozen=True)
class _Draft:
    """A row of levels: the padding word, and the configurations that each part may have."""

    word: str
    height: _Values
    width: _Values
    channels: _Values
    batch: _Values

    @classmethod
    def of(cls, row: np.ndarray) -> _Draft:
        word = PADDING_MODES[int(row[WORD[0]])]
        height, width, channels, batch = (tuple(row[list(part)].tolist()) for part in (HEIGHT, WIDTH, CHANNELS, BATCH))
        return cls(word, _axes(word)[height], _axes(word)[width], _channels()[channels], _batches()[batch])

    def case(self, below: Below) -> Case:
        return self._drawn(below, self.height, self.width, self.channels, self.batch)

    def _drawn(self, below: Below, *parts: _Values) -> Case:
        """Draw each part, so that the cheapest values of the parts to come still fit."""
        costs = [part.least for part in parts]
        drawn: list[list[int]] = [[]] * len(parts)
        for which in sorted(range(len(parts)), key=lambda _: below(2**30)):
            room = MOST_PRODUCTS / (prod(costs) / costs[which])
            drawn[which] = parts[which].draw(below, room)
            match = (parts[which].table == drawn[which]).all(axis=1)
            costs[which] = float(parts[which].costs[match][0])
        return self._of(*drawn)

    def _of(self, height: list[int], width: list[int], channels: list[int], batch: list[int]) -> Case:
        padding = ((height[4], height[5]), (width[4], width[5])) if self.word == "EXPLICIT" else self.word
        return Case(
            batch[0],
            height[0],
            width[0],
            channels[0],
            (height[1], width[1]),
            channels[1],
            (height[2], width[2]),
            (height[3], width[3]),
            channels[2],
            padding,
        )

    def shaped(self, below: Below, heights: tuple[int, int], widths: tuple[int, int], rest: Sequence[_Values]) -> Case:
        return self._drawn(below, self.height.shapes[heights], self.width.shapes[widths], *rest)

    def cost(self, heights: tuple[int, int], widths: tuple[int, int]) -> float:
        return self.height.shapes[heights].least * self.width.shapes[widths].least


def _pair(first: _Draft, second: _Draft, below: Below) -> list[Case]:
    """Two cases of equal shapes, one for each draft; none if no such shapes are found."""
    common = [
        sorted(one.shapes.keys() & other.shapes.keys())
        for one, other in ((first.height, second.height), (first.width, second.width))
    ]
    if not all(common):
        return []
    for _ in range(_TRIES):
        heights, widths = (shapes[below(len(shapes))] for shapes in common)
        room = MOST_PRODUCTS / max(first.cost(heights, widths), second.cost(heights, widths))
        if first.channels.least * first.batch.least <= room:
            channels = first.channels.draw(below, room / first.batch.least)
            cost = channels[0] // channels[2] * channels[1]
            batch = first.batch.draw(below, room / cost)
            rest = [
                _Values(np.array([values]), np.array([cost])) for values, cost in ((channels, cost), (batch, batch[0]))
            ]
            return [draft.shaped(below, heights, widths, rest) for draft in (first, second)]
    return []


def _by_levels(table: np.ndarray, costs: np.ndarray, levels: np.ndarray) -> dict[tuple[int, ...], _Values]:
    found, which = np.unique(levels, axis=0, return_inverse=True)
    order = np.argsort(which.reshape(-1), kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(which.reshape(-1)[order])) + 1)
    return {tuple(row): _Values(table[rows], costs[rows]) for row, rows in zip(found.tolist(), groups, strict=True)}


@cache
def _axes(word: str) -> dict[tuple[int, ...], _Values]:
    table, costs = configurations.axes(word)
    return _by_levels(table, costs, axis_levels(*table.T))


@cache
def _channels() -> dict[tuple[int, ...], _Values]:
    table, costs = configurations.channels()
    return _by_levels(table, costs, channel_levels(*table.T))


@cache
def _batches() -> dict[tuple[int, ...], _Values]:
    batch = np.arange(1, configurations.LARGEST_BATCH + 1)
    return _by_levels(batch[:, None], batch, batch_levels(batch))
