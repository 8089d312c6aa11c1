"""The order of a sum, as the tree of its additions, revealed by masks.

One product is +M, another is -M, and the others are 1, where M is so large that M + 1 = M. Then the 1s that are added
before +M and -M meet are lost. So the sum says how many products there are below the node where the two meet. From all
these numbers follows the tree.

References
----------
Xie, Gao, Wang and Xue, "Revealing Floating-Point Accumulation Orders in Software/Hardware Implementations", USENIX ATC
2025, https://arxiv.org/abs/2411.00442, for sums and matrix products. Their tool is https://github.com/peichenxie/FPRev.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .element import Probe

Tree = int | tuple
"""A sum: the number of a product, or the sums that are added at once, two or more, by their smallest product."""


@dataclass(frozen=True)
class Scale:
    """Factors of the masks: M is large * large, and the small products are small * small."""

    large: float
    small: float

    @property
    def mask(self) -> float:
        return self.large**2

    @property
    def unit(self) -> float:
        return self.small**2


# From the largest ratio to the smallest. A narrow accumulator cannot hold the larger masks.
SCALES = {
    "float64": (Scale(2.0**490, 1.0), Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    "float32": (Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    "bfloat16": (Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    # Only float32 holds the first mask; the second keeps to float16, but the sums of its units are subnormal.
    "float16": (Scale(2.0**15, 2.0**-5), Scale(2.0**7, 2.0**-12), Scale(2.0**7, 2.0**-4)),
}
# A bfloat16 counts so far.
_MOST_COUNTED = 128


class Untold(Exception):
    """The order cannot be told. The message says what shows it."""


class Masks:
    """The number of products below the node where two meet, for any two products of a sum."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self._known: dict[tuple[int, int], int] = {}
        self.scale = self._scale()

    def _scale(self) -> Scale:
        """The first scale that the kernel can hold."""
        last = self.probe.terms - 1
        said = ""
        for scale in SCALES[self.probe.element.case.dtype]:
            units = np.full((1, last + 1), scale.small)
            plain = self.probe.sums(units, units)[0] / scale.unit
            with_mask = self._counted([(0, last), (last, 0)] if last else [], scale)
            if np.isfinite(plain) and np.isfinite(with_mask).all():
                if last < _MOST_COUNTED and plain != last + 1:
                    raise Untold(f"{last + 1} products of 1 add up to {plain:g}")
                return scale
            said = f"with a mask of {scale.mask:g} the sum is not finite"
        raise Untold(said)

    def _counted(self, pairs: Sequence[tuple[int, int]], scale: Scale) -> np.ndarray:
        """The number of 1s that are left in each sum, with +M and -M at a pair. It may be no integer."""
        terms = self.probe.terms
        parts = [range(start, min(start + _MOST_COUNTED, terms)) for start in range(0, terms, _MOST_COUNTED)]
        first = np.zeros((len(pairs), len(parts), terms))
        for number, part in enumerate(parts):
            first[:, number, part.start : part.stop] = scale.small
        second = np.full_like(first, scale.small)
        for number, (one, other) in enumerate(pairs):
            first[number, :, [one, other]] = scale.large
            second[number, :, one], second[number, :, other] = scale.large, -scale.large
        shape = (-1, terms)
        counts = self.probe.sums(first.reshape(shape), second.reshape(shape)) / scale.unit
        return counts.reshape(len(pairs), len(parts)).sum(1)

    def below(self, pairs: Sequence[tuple[int, int]]) -> list[int]:
        """Return the number of products below the node where each pair meets. Raises Untold."""
        asked = [tuple(sorted(pair)) for pair in pairs]
        new = [pair for pair in dict.fromkeys(asked) if pair not in self._known]
        for pair, left in zip(new, self._counted(new, self.scale) if new else (), strict=True):  # type: ignore[arg-type]
            if not (0 <= left <= self.probe.terms - 2 and left == int(left)):
                raise Untold(
                    f"with +M and -M as products {pair[0]} and {pair[1]} and 1 elsewhere, the sum must be an integer "
                    f"from 0 to {self.probe.terms - 2}; it is {left:g}"
                )
            self._known[pair] = self.probe.terms - int(left)  # type: ignore[index]
        return [self._known[pair] for pair in asked]  # type: ignore[index]


def reveal(masks: Masks, checked: int = 64) -> Tree | None:
    """Return the tree of a sum; None if no mask loses anything, as the sum is exact or very wide. Raises Untold.

    `checked` further pairs are compared with the tree.
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
    random = np.random.default_rng(terms)
    pairs = [tuple(map(int, random.choice(terms, 2, replace=False))) for _ in range(checked)]
    for pair, found in zip(pairs, masks.below(pairs), strict=True):  # type: ignore[arg-type]
        if meetings.below(*pair) != found:
            raise Untold(
                f"no tree fits: products {pair[0]} and {pair[1]} meet above {found} products, "
                f"where others say {meetings.below(*pair)}"
            )
    return tree


def _tree(masks: Masks, some: list[int], reverse: bool = False) -> tuple[Tree, int]:
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
        self._above: dict[int, list[tuple[int, int]]] = {}
        """The nodes above each product, from the top: their identity, and the number of products below them."""
        left: list[tuple[Tree, list[tuple[int, int]]]] = [(tree, [])]
        while left:
            node, above = left.pop()
            if isinstance(node, tuple):
                above = [*above, (id(node), len(leaves(node)))]
                left += [(child, above) for child in node]
            else:
                self._above[node] = above

    def below(self, one: int, other: int) -> int:
        size = 0
        for (node, below), (same, _) in zip(self._above[one], self._above[other]):
            if node != same:
                break
            size = below
        return size
