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

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from .element import Probe
from .everywhere import Everywhere

Tree = int | tuple
"""A sum: the number of a product, or the sums that are added at once, two or more, by their smallest product."""


@dataclass(frozen=True)
class Scale:
    """Factors of the masks: M is large * large, and the small products are small * small.

    Where all elements are asked at once, one array is `around` everywhere, and the other makes these products of it.
    """

    large: float
    small: float
    around: float = 1.0

    @property
    def mask(self) -> float:
        return self.large**2

    @property
    def unit(self) -> float:
        return self.small**2

    def products(self, terms: int, pair: tuple[int, int], part: range) -> np.ndarray:
        """The products of a sum with +M and -M at a pair, and units elsewhere in a part."""
        found = np.zeros(terms)
        found[part.start : part.stop] = self.unit
        found[list(pair)] = self.mask, -self.mask
        return found


# From the largest ratio to the smallest. A narrow accumulator cannot hold the larger masks.
SCALES = {
    "float64": (Scale(2.0**490, 1.0), Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    "float32": (Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    "bfloat16": (Scale(2.0**50, 1.0), Scale(2.0**7, 2.0**-4)),
    # Only float32 holds the first mask; the second keeps to float16, but the sums of its units are subnormal.
    "float16": (Scale(2.0**14, 2.0**-5, 2.0**14), Scale(2.0**7, 2.0**-12), Scale(2.0**7, 2.0**-4)),
}
# A bfloat16 counts so far, also where two such numbers are added.
_MOST_COUNTED = 128
_TRIED = 8
_AT_ONCE = 256  # pairs
MANY_TERMS = 700


class Untold(Exception):
    """The order cannot be told. The message says what shows it."""


class Masks:
    """The number of products below the node where two meet, for any two products of a sum.

    `together` asks for as many pairs in one call as the result has channels, as if all channels had one order.
    """

    def __init__(self, probe: Probe, *, together: bool = False) -> None:
        self.probe, self.together = probe, together
        self._known: dict[tuple[int, int], int] = {}
        self._most = _MOST_COUNTED
        self.scale = self._scale()
        if probe.terms > _MOST_COUNTED and self._counts_all():
            self._most = probe.terms

    @property
    def parts(self) -> list[range]:
        """The products in parts that the kernel can count. Each part is asked in a call of its own."""
        terms = self.probe.terms
        return [range(start, min(start + self._most, terms)) for start in range(0, terms, self._most)]

    def _counts_all(self) -> bool:
        """True if the kernel adds up all 1s, and nearly all, to the right number."""
        random = np.random.default_rng(0)
        first = np.full((_TRIED, self.probe.terms), self.scale.small)
        for left_out, row in enumerate(first):
            row[random.choice(self.probe.terms, left_out, replace=False)] = 0.0
        counts = self.probe.sums(first, np.full_like(first, self.scale.small)) / self.scale.unit
        return counts.tolist() == [self.probe.terms - left_out for left_out in range(_TRIED)]

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
        terms, parts = self.probe.terms, self.parts
        if self.together:
            return self._counted_together(pairs, scale)
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

    def ask_alone(self) -> None:
        """Ask for each pair in a call of its own from now on, and for those of before again."""
        if self.together:
            self.together = False
            self._known.clear()

    def _counted_together(self, pairs: Sequence[tuple[int, int]], scale: Scale) -> np.ndarray:
        everywhere = Everywhere(self.probe.ask, self.probe.element, scale.around)
        rows = [scale.products(self.probe.terms, pair, part) for pair in pairs for part in self.parts]
        of_calls = []
        for start in range(0, len(rows), everywhere.channels):
            some = np.zeros((everywhere.channels, self.probe.terms))
            several = rows[start : start + everywhere.channels]
            some[: len(several)] = several
            of_calls.append(some)
        answers = everywhere.answers(of_calls)
        counts = np.concatenate([answer[self.probe.element.index[:-1]][: everywhere.channels] for answer in answers])
        self.probe.calls += len(of_calls)
        return counts[: len(rows)].reshape(len(pairs), -1).sum(1) / scale.unit

    def below(self, pairs: Sequence[tuple[int, int]]) -> list[int]:
        """Return the number of products below the node where each pair meets. Raises Untold."""
        asked = [tuple(sorted(pair)) for pair in pairs]
        new = [pair for pair in dict.fromkeys(asked) if pair not in self._known]
        counted = [self._counted(new[start : start + _AT_ONCE], self.scale) for start in range(0, len(new), _AT_ONCE)]  # type: ignore[arg-type]
        for pair, left in zip(new, np.concatenate(counted) if new else (), strict=True):
            if not (0 <= left <= self.probe.terms - 2 and left == int(left)):
                raise Untold(
                    f"with +M and -M as products {pair[0]} and {pair[1]} and 1 elsewhere, the sum must be an integer "
                    f"from 0 to {self.probe.terms - 2}; it is {left:g}"
                )
            self._known[pair] = self.probe.terms - int(left)  # type: ignore[index]
        return [self._known[pair] for pair in asked]  # type: ignore[index]


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
