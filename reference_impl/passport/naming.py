"""The name of an order: words for the tree of a sum. A scheme is named only if it gives this very tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations, groupby, pairwise

from . import schemes
from .element import Index
from .labels import Labels, Sequenced
from .lanes import by_lanes
from .order import Tree, leaves, nodes, smallest
from .schemes import sum_of

# The name of one place along these axes.
_ONE = {
    ("kernel rows",): "row of the kernel",
    ("kernel columns",): "column of the kernel",
    ("kernel rows", "kernel columns"): "tap",
    ("channels",): "channel",
    ("images",): "image",
    ("images", "rows"): "row of each image",
    ("rows",): "row",
    ("columns",): "column",
    ("rows", "columns"): "position",
}
# Deeper trees are too deep to be compared by ==, which a cache does.
_DEEPEST = 300
IRREGULAR = "no order that has a name here"
_CHAIN, _SWAPPED = "one after another", "one after another in swapped pairs (1 0 3 2 ...)"


def name_of(tree: Tree, labels: Labels) -> str:
    """Name the order of a sum: "one after another", "8 lanes, added pairwise", "one sum for each tap, ..."."""
    return _named(tree, labels) if depth(tree) <= _DEEPEST else _named.__wrapped__(tree, labels)


@lru_cache(1024)  # parts of a sum are looked at by several schemes
def _named(tree: Tree, labels: Labels) -> str:
    if not isinstance(tree, tuple):
        return "a single product"
    if all(len(node) == 2 for node in nodes(tree)):
        for named in (_one_after_another, _for_each_place, _by_lanes, _for_each_channel, _with_rest, _in_blocks):
            said = named(tree, labels)
            if said is not None:
                return said
    elif len(tree) > 2 and not any(isinstance(part, tuple) for part in tree):
        return f"all {len(tree)} at once"
    return f"{IRREGULAR} ({len(leaves(tree))} products, {depth(tree)} additions deep)"


def _one_after_another(tree: tuple, labels: Labels) -> str | None:
    found, products = sum_of(tree), sorted(leaves(tree))
    if depth(tree) != len(products) - 1:
        return None
    for sequence in labels.sequences(products):
        if schemes.chain(sequence.parts) == found:
            return _CHAIN + sequence.words
        paired = [place ^ 1 if place ^ 1 < len(products) else place for place in range(len(products))]
        if schemes.chain([sequence.parts[place] for place in paired]) == found:
            return _SWAPPED + sequence.words
    for sequence in labels.sequences(products, swapped=True):
        if schemes.chain(sequence.parts) == found:
            return _SWAPPED + sequence.words
    for size, axis, sequence in labels.blocked(products):
        if schemes.chain(sequence.parts) == found:
            return f"one after another, in blocks of {size} {axis}{sequence.words}"
    return "one after another, in an order that has no name here"


def _for_each_place(tree: tuple, labels: Labels) -> str | None:
    return _for_each(tree, labels, ("kernel rows", "kernel columns", "images", "rows", "columns"))


def _by_lanes(tree: tuple, labels: Labels) -> str | None:
    """Name lanes. Lanes in a number that no vector has are rather the sums of the channels."""
    said = by_lanes(tree, labels)
    count = said.partition(" lanes")[0] if said else ""
    odd = count.isdecimal() and int(count).bit_count() > 1
    return (_for_each_channel(tree, labels) if odd else None) or said


def _for_each_channel(tree: tuple, labels: Labels) -> str | None:
    return _for_each(tree, labels, labels.axes)


def _for_each(tree: tuple, labels: Labels, among: Sequence[str]) -> str | None:
    """Name a sum of one sum for each place along some axes."""
    products = sorted(leaves(tree))
    used = labels.used(products)
    bits = schemes.bits_below(tree)
    below = {bits[id(node)]: node for node in nodes(tree)}
    for size in range(1, len(used)):
        for axes in combinations(used, size):
            if not all(labels.axes[axis] in among for axis in axes):
                continue
            groups: dict[Index, int] = {}
            for number in products:
                place = tuple(labels.places[number][axis] for axis in axes)
                groups[place] = groups.get(place, 0) | 1 << number
            parts = [below.get(some) for some in groups.values()]
            if any(part is None for part in parts):
                continue
            inner = {name_of(part, labels) for part in parts if part is not None}
            between = Labels(tuple(groups), tuple(labels.axes[axis] for axis in axes))
            outer = name_of(_with_parts_for_products(tree, [part for part in parts if part is not None]), between)
            if len(inner) == 1 and not outer.startswith(IRREGULAR):
                one = _ONE.get(between.axes, " and ".join(between.axes))
                added = "added" if len(parts) == 2 else f"added {outer}"
                return f"one sum for each {one}, {added}; within it {inner.pop()}"
    return None


def _with_parts_for_products(tree: tuple, parts: Sequence[tuple]) -> Tree:
    """The tree in which each of the parts stands as one product, by its number in `parts`."""
    found: dict[int, Tree] = {id(part): number for number, part in enumerate(parts)}
    for node in reversed(list(nodes(tree))):
        if id(node) not in found:
            below = (found[id(part)] if isinstance(part, tuple) else part for part in node)
            found[id(node)] = tuple(sorted(below, key=smallest))
    return found[id(tree)]


def _parts(tree: tuple, labels: Labels, *simple: Callable[[tuple, Labels], str | None]) -> list[Tree]:
    """The parts that are added one after another, the first one first. The first is as a `simple` scheme gives it."""
    parts: list[Tree] = []
    core: Tree = tree
    while isinstance(core, tuple) and not any(named(core, labels) for named in simple):
        core, part = sorted(core, key=lambda some: (-len(leaves(some)), smallest(some)))
        parts.append(part)
    return [core, *reversed(parts)]


def _with_rest(tree: tuple, labels: Labels) -> str | None:
    """Name a sum to which single products are added in the end."""
    core, rest = tree, 0
    while any(not isinstance(part, tuple) for part in core):
        (core,) = [part for part in core if isinstance(part, tuple)] or [()]
        rest += 1
        if not core:
            return None
    said = name_of(core, labels) if rest else IRREGULAR
    if said.startswith(IRREGULAR) or rest > len(leaves(core)):
        return None
    return f"{said}; then the last {rest}" + (", one after another" if rest > 1 else "")


def _in_blocks(tree: tuple, labels: Labels) -> str | None:
    """Name a sum of parts of neighbours, each with a name of its own."""
    return _of_parts(_parts(tree, labels, _one_after_another), labels) or _of_parts(
        _parts(tree, labels, _one_after_another, by_lanes), labels
    )


def _of_parts(parts: Sequence[Tree], labels: Labels) -> str | None:
    sizes = [len(leaves(part)) for part in parts]
    members = {frozenset(leaves(part)): part for part in parts}
    if len(parts) < 2 or min(sizes[:-1]) < 2:
        return None
    for sequence in labels.sequences(sorted(number for part in parts for number in leaves(part))):
        ranks = dict(zip(sequence.products, range(len(sequence.products))))
        along = Labels(tuple((ranks.get(number, 0),) for number in range(len(labels.places))), ("products",))
        for cut, named in _cuts(sequence, labels, max(sizes), len(parts)):
            if {frozenset(some) for some in cut} != set(members):
                continue
            name = _one_name([members[frozenset(some)] for some in cut], along)
            if name is not None:
                added = ", added one after another" if len(parts) > 2 else ""
                return f"{named}{added}{sequence.words}; within each {name}"
    return None


def _one_name(parts: Sequence[Tree], labels: Labels) -> str | None:
    """The name that all of these sums have. Three products in swapped pairs are a plain chain, too."""
    named = [(name_of(part, labels), len(leaves(part))) for part in parts if len(leaves(part)) > 2]
    names = {name for name, _ in named}
    if _SWAPPED in names:
        names -= {name for name, size in named if size == 3 and name == _CHAIN}
    name = names.pop() if len(names) == 1 else IRREGULAR
    return None if name.startswith(IRREGULAR) else name


def _cuts(sequence: Sequenced, labels: Labels, size: int, count: int) -> Iterator[tuple[list[Sequence[int]], str]]:
    """Yield the ways to cut products in parts, and the words for each."""
    for cut in (_cut(sequence.products, size), _split(sequence.products, count)):
        yield cut, _sizes([len(some) for some in cut])
    if len(sequence.axes) > 1:
        inner = sequence.axes[-1]
        outer = [axis for axis, name in enumerate(labels.axes) if name != inner]
        runs = groupby(sequence.products, key=lambda number: [labels.places[number][axis] for axis in outer])
        cuts = [_cut(list(run), size) for _, run in runs]
        yield [some for cut in cuts for some in cut], f"{_sizes([len(some) for some in cuts[0]])}, along the {inner}"


def _cut(products: Sequence[int], size: int) -> list[Sequence[int]]:
    return [products[start : start + size] for start in range(0, len(products), size)]


def _split(products: Sequence[int], count: int) -> list[Sequence[int]]:
    """Split into so many parts, the first ones larger by one if they cannot be equal."""
    size, more = divmod(len(products), count)
    ends = [0, *(place * size + min(place, more) for place in range(1, count + 1))]
    return [products[start:end] for start, end in pairwise(ends)]


def _sizes(sizes: Sequence[int]) -> str:
    """Name the sizes of parts. Equal ones may be a fixed number of parts, or parts of a fixed size."""
    if len(set(sizes)) == 1:
        return f"{len(sizes)} parts of {sizes[0]}"
    if len(set(sizes[:-1])) == 1 and sizes[0] - sizes[-1] > 1:
        return f"blocks of {sizes[0]}, the last of {sizes[-1]}"
    return f"{len(sizes)} parts of {max(sizes)} or {min(sizes)}"


def depth(tree: Tree) -> int:
    """The most additions that one product goes through."""
    deepest, left = 0, [(tree, 0)]
    while left:
        node, level = left.pop()
        if isinstance(node, tuple):
            left += [(part, level + 1) for part in node]
        deepest = max(deepest, level)
    return deepest
