"""The order of a sum, as the tree of its additions. From the answers to all masks follows the tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np

from .element import Probe
from .masks import Masks, Untold

Tree = int | tuple
"""A sum: the number of a product, or the sums that are added at once, two or more, by their smallest product."""

MANY_TERMS = 700


def reveal(masks: Masks, checked: int = 64) -> Tree | None:
    """Return the tree of a sum; None if no mask loses anything, as the sum is exact or very wide. Raises Untold.

    `checked` further pairs are compared with the tree, each in a call of its own.
    """
    terms = masks.probe.terms
    if terms < 2:
        return 0
    tree, top = _tree(masks, list(range(terms)))
    if all(size == 2 for size in masks.below([(0, other) for other in range(1, terms)])) and terms > 2:
        return None
    if top != terms:
        raise Untold(f"the last addition must have all {terms} products below it; the masks say {top}")
    meetings = Meetings(tree)
    masks.ask_alone()
    random = np.random.default_rng(terms)
    pairs = [tuple(map(int, random.choice(terms, 2, replace=False))) for _ in range(checked)]
    for pair, found in zip(pairs, masks.below(pairs), strict=True):  # type: ignore[arg-type]
        if meetings.below(*pair) != found:
            raise Untold(
                f"no tree fits: products {pair[0]} and {pair[1]} meet above {found} products, "
                f"where others say {meetings.below(*pair)}"
            )
    return tree


def revealed(probe: Probe, checked: int = 64) -> tuple[Masks, Tree | None]:
    """Reveal the tree of a sum, and return it with its masks. Many products are first asked for together."""
    if probe.terms > MANY_TERMS:
        with suppress(Untold):
            masks = Masks(probe, together=True)
            return masks, reveal(masks, checked)
    masks = Masks(probe)
    return masks, reveal(masks, checked)


def _tree(masks: Masks | _Expected, some: list[int], reverse: bool = False) -> tuple[Tree, int]:
    """The tree of products that meet apart from all others, and the number of products below its top."""
    if len(some) == 1:
        return some[0], 1
    pivot = some[-1] if reverse else some[0]
    others = [one for one in some if one != pivot]
    groups: dict[int, list[int]] = {}
    for other, size in zip(others, masks.below([(pivot, other) for other in others]), strict=True):
        groups.setdefault(size, []).append(other)
    tree: Tree = pivot
    for size in sorted(groups):
        # A pivot that is added last tells little. Then the other end is tried.
        part, top = _tree(masks, groups[size], reverse != (len(groups) == 1))
        at_once = part if top == size and isinstance(part, tuple) else (part,)
        tree = tuple(sorted((tree, *at_once), key=smallest))
    return tree, max(groups)


def smallest(tree: Tree) -> int:
    """The smallest product of a sum, which stands first."""
    while isinstance(tree, tuple):
        tree = tree[0]
    return tree


def leaves(tree: Tree) -> list[int]:
    """The products of a sum, from left to right."""
    found, left = [], [tree]
    while left:
        node = left.pop()
        if isinstance(node, tuple):
            left += reversed(node)
        else:
            found.append(node)
    return found


def nodes(tree: Tree) -> Iterator[tuple]:
    """Yield the additions of a sum, each before those below it."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, tuple):
            yield node
            left += reversed(node)


class Meetings:
    """The number of products below the node where two meet, in a known tree."""

    def __init__(self, tree: Tree) -> None:
        self._of_product: dict[int, int] = {}
        self._above, self._level, self._size = [-1], [0], [0]
        left: list[tuple[Tree, int]] = [(tree, 0)]
        while left:
            part, node = left.pop()
            if not isinstance(part, tuple):
                self._of_product[part] = node
                continue
            below = len(self._above)
            self._above.append(node)
            self._level.append(self._level[node] + 1)
            self._size.append(0)
            left += [(child, below) for child in part]
        for node in self._of_product.values():
            self._size[node] += 1
        for node in range(len(self._above) - 1, 0, -1):  # those below come later
            self._size[self._above[node]] += self._size[node]

    def below(self, one: int, other: int) -> int:
        first, second = self._of_product[one], self._of_product[other]
        while first != second:
            if self._level[first] >= self._level[second]:
                first = self._above[first]
            else:
                second = self._above[second]
        return self._size[first]


def within(tree: Tree | None, kept: Callable[[int], bool]) -> Tree | None:
    """The tree of the products that are kept, without the others. None if there are none."""
    found: dict[int, Tree | None] = {}

    def cut(part: Tree) -> Tree | None:
        if isinstance(part, tuple):
            return found[id(part)]
        return part if kept(part) else None

    for node in reversed(list(nodes(tree)) if isinstance(tree, tuple) else []):
        parts = [part for part in map(cut, node) if part is not None]
        found[id(node)] = tuple(sorted(parts, key=smallest)) if len(parts) > 1 else parts[0] if parts else None
    return None if tree is None else cut(tree)


def renumbered(tree: Tree, numbers: Sequence[int]) -> Tree:
    """The same tree with other numbers of its products."""
    found: dict[int, Tree] = {}

    def changed(part: Tree) -> Tree:
        return found[id(part)] if isinstance(part, tuple) else numbers[part]

    for node in reversed(list(nodes(tree))):
        found[id(node)] = tuple(sorted(map(changed, node), key=smallest))
    return changed(tree)


def sizes(tree: Tree) -> dict[int, int]:
    """The number of products below each addition, by the identity of its node."""
    found: dict[int, int] = {}
    for node in reversed(list(nodes(tree))):
        found[id(node)] = sum(found[id(part)] if isinstance(part, tuple) else 1 for part in node)
    return found


def asked_for(tree: Tree) -> list[tuple[int, int]]:
    """The pairs that `reveal` asks for to find this tree. If a sum gives the same answers, its tree is this one."""
    expected = _Expected(tree)
    _tree(expected, sorted(leaves(tree)))
    return expected.pairs


class _Expected:
    """Stands for the masks of a sum whose tree is known, and keeps the pairs that it is asked for."""

    def __init__(self, tree: Tree) -> None:
        self.pairs: list[tuple[int, int]] = []
        self._meetings = Meetings(tree)

    def below(self, pairs: Sequence[tuple[int, int]]) -> list[int]:
        self.pairs += pairs
        return [self._meetings.below(*pair) for pair in pairs]
