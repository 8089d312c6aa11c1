"""Schemes of adding: chains, lanes, pairs and blocks. Each makes the tree of a sum from its parts in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from .order import Tree, nodes


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
    """The sum of a tree. Two trees are the same if their sums are equal."""
    below = bits_below(tree)
    return Sum(below[id(tree)] if isinstance(tree, tuple) else 1 << tree, frozenset(below.values()))


def bits_below(tree: Tree) -> dict[int, int]:
    """The products below each addition, as the bits of a number, by the identity of its node."""
    found: dict[int, int] = {}
    for node in reversed(list(nodes(tree))):
        found[id(node)] = reduce(or_, (found[id(part)] if isinstance(part, tuple) else 1 << part for part in node))
    return found


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


def vectors(width: int, parts: Sequence[Sum]) -> Sum:
    """Add vectors of so many lanes to their neighbours, until one is left, and then its lanes by halves."""
    left = [list(parts[start : start + width]) for start in range(0, len(parts), width)]
    while len(left) > 1:
        paired = [[a + b for a, b in zip(one, other)] for one, other in zip(left[::2], left[1::2])]
        left = paired + left[2 * len(paired) :]
    return folded(left[0])


def groups(size: int, parts: Sequence[Sum]) -> Sum:
    """Add groups of so many parts, each one after another, and then the groups, one after another."""
    return chain([chain(parts[start : start + size]) for start in range(0, len(parts), size)])


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


def wide_and_narrow_lanes(wide: int, narrow: int, step: int, merge: Scheme, parts: Sequence[Sum]) -> Sum:
    """Fill wide lanes, then narrow ones by steps of so many parts, and add the rest one after another."""
    full = len(parts) // wide * wide
    end = full + (len(parts) - full) // step * step
    both = [lanes(wide, merge, parts[:full]), lanes(narrow, merge, parts[full:end])]
    return chain([*both, *parts[end:]])


def aligned_lanes(first: int, count: int, merge: Scheme, parts: Sequence[Sum]) -> Sum:
    """Begin lanes at part `first`. Those before are at the start of the first lane, and those left over come last."""
    full = first + (len(parts) - first) // count * count
    others = [chain(parts[first + lane : full : count]) for lane in range(1, count)]
    return chain([merge([chain([*parts[:first], *parts[first:full:count]]), *others]), *parts[full:]])
