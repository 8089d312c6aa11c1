"""Places: all elements of a result are asked for the order that one of them has.

One array is the same everywhere, and the other has the masks. So each call asks every element for the same two
products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..verdicts.location import AXES, locate
from .element import Element, Index, Probe, places_along, result_shape
from .everywhere import Everywhere
from .labels import Labels
from .masks import Masks, Untold
from .naming import IRREGULAR, name_of
from .order import Meetings, Tree, asked_for, renumbered, reveal, within
from .schemes import sum_of

Pair = tuple[int, int]

# If a result is larger, only its borders, its middle and its last tile of channels are looked at.
_MOST_LOOKED_AT = 1_000_000  # elements * products
_TILE = 17  # the largest remainder of a vector of 16 channels, and one more
_MOST_PAIRS = 6_000
_MOST_NAMED = 4


@dataclass(frozen=True)
class Difference:
    """Elements that have another order than the one that was told. `index` is the first of them."""

    count: int
    where: str
    index: Index
    order: str


@dataclass(frozen=True)
class Places:
    """The elements of a result that were compared with the one whose order was told.

    Parameters
    ----------
    compared : the number of elements that were asked. They share two products or more with that one
    elements : the number of all elements
    differ : where another order was seen, the fewest elements first
    unknown : why none could be compared, or empty
    share : the share of the pairs of products that were asked, if there are too many
    """

    compared: int
    elements: int
    differ: tuple[Difference, ...] = ()
    unknown: str = ""
    share: str = ""

    @property
    def words(self) -> str:
        if self.unknown:
            return f"not compared: {self.unknown}"
        others = sum(one.count for one in self.differ)
        if not others:
            of = "" if self.compared == self.elements else f" looked at, of {self.elements:,}"
            all_places = f"all {self.compared:,} places" if self.compared > 1 else "the one place"
            return f"the same order at {all_places}{of}{f', by {self.share}' if self.share else ''}"
        said = "; ".join(f"{one.where} ({one.count:,}, first {list(one.index)}): {one.order}" for one in self.differ)
        return f"ANOTHER order at {others:,} of {self.compared:,} places: {said}"


def places(masks: Masks, tree: Tree) -> Places:
    """Compare the order of all elements of a result with that of the one that was told."""
    asked = _Everywhere(masks, tree)
    elements = int(np.prod(asked.shape))
    wrong: dict[str, list[Index]] = {}
    try:
        for order, indices in asked.differences():
            wrong.setdefault(order, []).extend(indices)
    except Untold as reason:
        return Places(0, elements, (), str(reason))
    differ = [Difference(len(some), asked.located(some), min(some), order) for order, some in wrong.items()]
    return Places(asked.compared, elements, tuple(sorted(differ, key=lambda one: one.count)), share=asked.share)


class _Everywhere:
    """Asks all elements at once. Products have their numbers in the element whose order was told."""

    def __init__(self, masks: Masks, tree: Tree) -> None:
        self.masks, self.tree, self.element = masks, tree, masks.probe.element
        self.shape = result_shape(self.element.operation, self.element.case)
        self.looked_at = self._looked_at()
        self.compared, self.share = 0, ""
        self._everywhere = Everywhere(masks.probe.ask, self.element, masks.scale.around)
        self._left: dict[Pair, np.ndarray] = {}
        """The number of 1s that are left in each element that is looked at, with +M and -M at a pair."""

    def _looked_at(self) -> list[np.ndarray]:
        """The places along each axis."""
        if np.prod(self.shape) * self.masks.probe.terms <= _MOST_LOOKED_AT:
            return [np.arange(size) for size in self.shape]
        *others, channels = self.shape
        of_each = [{0, 1, size // 2, size - 2, size - 1} for size in others]
        chosen = [*of_each, {0, channels // 2, *range(channels - _TILE, channels)}]
        return [np.array(sorted(one for one in some if 0 <= one < size)) for some, size in zip(chosen, self.shape)]

    def differences(self) -> Iterator[tuple[str, list[Index]]]:
        """Yield each other order, by its name, and elements that have it. Raises Untold."""
        for number, (where, shared) in enumerate(self._groups):
            expected = within(self.tree, shared.__contains__)
            assert expected is not None
            pairs = [tuple(sorted(pair)) for pair in asked_for(expected)]
            if number and len({*pairs, *self._left}) > _MOST_PAIRS:
                return
            if len(pairs) > _MOST_PAIRS // 8:
                chosen = np.random.default_rng(0).choice(len(pairs), _MOST_PAIRS // 8, replace=False)
                self.share = f"{len(chosen):,} of {len(pairs):,} pairs of products"
                pairs = [pairs[one] for one in sorted(chosen)]
            self._ask(pairs)  # type: ignore[arg-type]
            meetings = Meetings(expected)
            right = np.array([len(shared) - meetings.below(*pair) for pair in pairs])
            yield from self._differing(where, np.stack([self._left[pair][where].ravel() for pair in pairs]), right)  # type: ignore[index]

    def _differing(self, where: tuple, left: np.ndarray, right: np.ndarray) -> Iterator[tuple[str, list[Index]]]:
        chosen = np.ix_(*[places[some.ravel()] for places, some in zip(self.looked_at, where)])
        indices = [
            tuple(map(int, index)) for index in np.stack([one.ravel() for one in np.broadcast_arrays(*chosen)]).T
        ]
        wrong = (left != right[:, None]).any(0)
        if any(is_wrong and index == self.element.index for index, is_wrong in zip(indices, wrong)):
            raise Untold("with one array the same everywhere, the element that was told adds in another order")
        self.compared += len(indices)
        for _ in range(_MOST_NAMED):
            if not wrong.any():
                return
            first = int(wrong.argmax())
            alike = wrong & (left == left[:, first, None]).all(0)
            yield self._order_at(indices[first]), [indices[one] for one in np.flatnonzero(alike)]
            wrong = wrong & ~alike
        if wrong.any():
            yield "further orders", [indices[one] for one in np.flatnonzero(wrong)]

    def _order_at(self, index: Index) -> str:
        try:
            element, tree = self._revealed_at(index)
            if tree is None:
                return "no order shows"
            name = name_of(tree, Labels.of(element))
            return (self._padded(element, tree) or name) if IRREGULAR in name else name
        except Untold as reason:
            return f"cannot be told: {reason}"

    def _revealed_at(self, index: Index) -> tuple[Element, Tree | None]:
        probe = Probe(self.masks.probe.ask, Element(self.element.operation, self.element.case, index))
        try:
            return probe.element, reveal(Masks(probe), checked=8)
        finally:
            self.masks.probe.calls += probe.calls

    def _padded(self, element: Element, tree: Tree) -> str | None:
        """Name an order at a border by that of the middle of the same channels, without the products of padding."""
        first = 0 if self.element.operation == "conv2d_backprop_filter" else 1
        middle, whole = self._revealed_at(
            (*element.index[:first], *self.element.index[first : first + 2], *element.index[first + 2 :])
        )
        numbers = {term.label: number for number, term in enumerate(element.terms)}
        if whole is None or len(middle.terms) <= len(numbers):
            return None
        there = [numbers.get(term.label, -1) for term in middle.terms]
        left = within(whole, lambda number: there[number] >= 0)
        if left is None or sum_of(renumbered(left, there)) != sum_of(tree):
            return None
        return f"{name_of(whole, Labels.of(middle))}, where padding has products of 0"

    def located(self, indices: list[Index]) -> str:
        """Say where these elements lie."""
        axes = AXES[self.element.operation]
        if all(len(some) == size for some, size in zip(self.looked_at, self.shape)):
            wrong = np.zeros(self.shape, bool)
            wrong[tuple(np.array(indices).T)] = True
            return locate(wrong, axes, self.element.case.groups)
        said = []
        for name, looked_at, hit in zip(axes, self.looked_at, map(sorted, map(set, zip(*indices)))):
            if len(hit) < len(looked_at):
                said.append(f"{name} {', '.join(map(str, hit))}")
        return "; ".join(said) or "everywhere"

    @property
    def _groups(self) -> list[tuple[tuple, frozenset[int]]]:
        """The elements that share the same products with the one that was told, two or more. The most come first."""
        row = 0 if self.element.operation == "conv2d_backprop_filter" else 1
        axis = 1 - row  # of the labels
        labels = [term.label for term in self.element.terms]
        found = []
        for (rows, there), (columns, across) in product(
            *(some.items() for some in places_along(self.element.operation, self.element.case))
        ):
            shared = frozenset(
                number for number, label in enumerate(labels) if label[axis] in rows and label[axis + 1] in columns
            )
            where = [np.arange(len(some)) for some in self.looked_at]
            for dimension, some in ((row, there), (row + 1, across)):
                where[dimension] = np.flatnonzero(np.isin(self.looked_at[dimension], some))
            if len(shared) > 1 and all(map(len, where)):
                found.append((np.ix_(*where), shared))
        return sorted(found, key=lambda group: -len(group[1]))

    def _ask(self, pairs: list[Pair]) -> None:
        probe, scale = self.masks.probe, self.masks.scale
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._left]
        asked = [(pair, part) for pair in new for part in self.masks.parts]
        rows = [scale.products(probe.terms, pair, part) for pair, part in asked]
        for (pair, _), answer in zip(asked, self._everywhere.answers(rows), strict=True):
            left = answer[np.ix_(*self.looked_at)] / scale.unit
            self._left[pair] = self._left[pair] + left if pair in self._left else left
        probe.calls += len(rows)
