"""Schemes of adding: chains, lanes, pairs and blocks. Each makes the tree of a sum from its parts in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from .order import Tree, leaves


@dataclass(frozen=True)
class Sum:
    """A sum: its products as the bits of a number, and the same for each addition in it."""

    products: int
    additions: frozenset[int] = frozenset()

    def __add__(self, other: Sum) -> Sum:
        both = self.products | other.products
        return Sum(both, self.additions | other.additions | {both})


Scheme = Callable[[Sequence[Sum]], Sum]


def product(number: int) -> Sum:
    return Sum(1 << number)


def sum_of(tree: Tree) -> Sum:
    """The sum of a tree."""
    additions = set()
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, tuple):
            additions.add(_bits(leaves(node)))
            left += node
    return Sum(_bits(leaves(tree)), frozenset(additions))


def _bits(products: Iterable[int]) -> int:
    return reduce(lambda bits, number: bits | 1 << number, products, 0)


def chain(parts: Sequence[Sum]) -> Sum:
    """Add one after another."""
    additions, both = set(parts[0].additions), parts[0].products
    for part in parts[1:]:
        both |= part.products
        additions |= part.additions | {both}
    return Sum(both, frozenset(additions))


def halves(parts: Sequence[Sum]) -> Sum:
    """Add the first half and the second half, each in this way. The first is the smaller one."""
    middle = len(parts) // 2
    return halves(parts[:middle]) + halves(parts[middle:]) if middle else parts[0]


def folded(parts: Sequence[Sum]) -> Sum:
    """Add each part of the first half to the one at the same place of the second, until one is left."""
    parts = list(parts)
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [parts[place] + parts[place + half] for place in range(half)] + parts[2 * half :]
    return parts[0]


def neighbours(parts: Sequence[Sum]) -> Sum:
    """Add each part to its neighbour, until one is left."""
    parts = list(parts)
    while len(parts) > 1:
        paired = [one + other for one, other in zip(parts[::2], parts[1::2])]
        parts = paired + parts[2 * len(paired) :]
    return parts[0]


def lanes(count: int, merge: Scheme, parts: Sequence[Sum]) -> Sum:
    """Give part i to lane i % count. Each lane is a chain, and `merge` adds the lanes."""
    return merge([chain(parts[lane::count]) for lane in range(count)])


def lanes_and_rest_in_first(count: int, merge: Scheme, parts: Sequence[Sum]) -> Sum:
    """Add as many parts as fill the lanes, the rest to the first lane, and then the lanes."""
    full = len(parts) // count * count
    added = [chain(parts[lane:full:count]) for lane in range(count)]
    return merge([chain([added[0], *parts[full:]]), *added[1:]])


def lanes_and_rest(count: int, merge: Scheme, parts: Sequence[Sum]) -> Sum:
    """Add as many parts as fill the lanes, and then the rest one after another."""
    full = len(parts) // count * count
    return chain([lanes(count, merge, parts[:full]), *parts[full:]])
