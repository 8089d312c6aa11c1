"""Changes: the numbers of channels between which a kernel turns to another order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ..cases.case import Case
from .element import Ask, Probe, middle_of
from .labels import Labels
from .masks import Untold
from .naming import name_of
from .order import Tree, revealed, within
from .schemes import sum_of

# Where orders are compared first. Between two that differ, the change is searched by halving.
CHANNELS = (8, 16, 64, 128, 256, 512, 2048)
_CHAIN = "one after another"
_OTHER_CHANNELS = 16  # those that are not summed over


def changes(ask: Ask, operation: str, dtype: str, offers: Callable[[str, Case], bool]) -> Iterator[str]:
    """Yield where the order of a 1x1 kernel changes with the number of channels that it sums over."""
    if operation == "conv2d_backprop_filter":  # it sums over images and positions
        return
    offered = [channels for channels in CHANNELS if offers(operation, _case(operation, channels, dtype))]
    found: dict[int, _Order] = {}

    def of(channels: int) -> _Order:
        if channels not in found:
            found[channels] = _Order.of(ask, operation, _case(operation, channels, dtype))
        return found[channels]

    try:
        for fewer, more in pairwise(offered):
            if not of(fewer).same_as(of(more)):
                while more - fewer > 1:
                    middle = (fewer + more) // 2
                    fewer, more = (middle, more) if of(fewer).same_as(of(middle)) else (fewer, middle)
                yield f"changes between {fewer} and {more} channels: from {of(fewer).name}, to {of(more).name}"
    except Untold as reason:
        yield f"a change with the number of channels cannot be told: {reason}"


def _case(operation: str, channels: int, dtype: str) -> Case:
    given = (channels, _OTHER_CHANNELS) if operation == "conv2d" else (_OTHER_CHANNELS, channels)
    return Case(1, 2, 3, given[0], (1, 1), given[1], dtype=dtype)


@dataclass(frozen=True)
class _Order:
    """An order, to be compared with that of another size."""

    tree: Tree | None
    name: str
    terms: int

    @classmethod
    def of(cls, ask: Ask, operation: str, case: Case) -> _Order:
        element = middle_of(operation, case)
        _, tree = revealed(Probe(ask, element), checked=8)
        return cls(tree, "no order" if tree is None else name_of(tree, Labels.of(element)), len(element.terms))

    def same_as(self, more: _Order) -> bool:
        """True if the order of more products has the name of this one, or is this one as far as this one goes.

        Blocks that begin only beyond this one are a change all the same.
        """
        if self.tree is None or more.tree is None:
            return self.tree is more.tree
        first = within(more.tree, lambda product: product < self.terms)
        assert first is not None
        if self._scheme == more._scheme:
            return True
        if self.name.startswith(_CHAIN) != more.name.startswith(_CHAIN):
            return False
        return sum_of(self.tree) == sum_of(first)

    @property
    def _scheme(self) -> str:
        """The name without sizes that grow with the sum: "3 parts of 8" is "3 parts"."""
        return re.sub(r"(parts) of \d+( or \d+)?", r"\1", self.name)
