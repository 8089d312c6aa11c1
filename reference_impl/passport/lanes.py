"""Lanes: the names of sums that vectors make, each lane a sum of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from . import schemes
from .labels import Labels
from .order import leaves
from .schemes import Scheme, Sum, sum_of

_PAIRWISE: dict[str, Scheme] = {
    "pairwise": schemes.folded,
    "pairwise, neighbours first": schemes.neighbours,
    "pairwise, by halves": schemes.halves,
}
_VECTORS: dict[str, Scheme] = {f"in vectors of {width}": partial(schemes.vectors, width) for width in (2, 4, 8, 16)}
_GROUPS: dict[str, Scheme] = {f"in groups of {size}": partial(schemes.groups, size) for size in (4, 8)}
_MERGES = {**_PAIRWISE, "one after another": schemes.chain, **_VECTORS, **_GROUPS}
_REST = {
    "": schemes.lanes,
    ", and then the rest": schemes.lanes_and_rest,
    ", with the rest in the first lane": schemes.lanes_and_rest_in_first,
}
_WIDTHS = (2, 4, 8, 16, 32, 64)  # of vectors, and of groups of them


def by_lanes(tree: tuple, labels: Labels) -> str | None:
    """Name a sum that is made in lanes, or pairwise. None if it is not."""
    found, products = sum_of(tree), sorted(leaves(tree))
    one, other = _first_pair(tree)
    for sequence in labels.sequences(products):
        parts = sequence.parts
        for merge, scheme in _PAIRWISE.items():
            if len(parts) > 3 and scheme(parts) == found:
                return f"{merge}{sequence.words}"
        step = abs(sequence.products.index(one) - sequence.products.index(other))
        for count in dict.fromkeys((step, 2 * step, *_WIDTHS)):
            if not 2 <= count <= min(len(parts) - 1, 2 * _WIDTHS[-1]):
                continue
            if 2 * count <= len(parts) and (parts[0] + parts[count]).products not in found.additions:
                continue
            for merge, scheme in _MERGES.items():
                for rest, lanes in _REST.items():
                    if lanes(count, scheme, parts) == found:
                        return f"{count} lanes, added {merge}{rest}{sequence.words}"
        for named in _aligned, _blocks_in_pairs, _wide_and_narrow:
            said = next(named(found, parts), None)
            if said is not None:
                return said + sequence.words
    return None


def _aligned(found: Sum, parts: Sequence[Sum]) -> Iterator[str]:
    """Name lanes that begin at an aligned place in memory: the products before it are in the first lane."""
    bits = [part.products for part in parts]
    if bits[0] | bits[1] not in found.additions:
        return
    for count in _WIDTHS:
        for first in range(1, min(2 * count, len(parts) - 2 * count + 1)):
            if bits[first + 1] | bits[first + 1 + count] not in found.additions:
                continue
            for merge, scheme in {**_PAIRWISE, **_VECTORS}.items():
                if schemes.aligned_lanes(first, count, scheme, parts) == found:
                    yield f"{count} lanes from product {first} on, added {merge}, with those before in the first lane"


def _blocks_in_pairs(found: Sum, parts: Sequence[Sum]) -> Iterator[str]:
    """Name blocks that are added pairwise, or in lanes first: an instruction for dot products makes such blocks."""
    for size in _WIDTHS[:4]:
        if 3 * size < len(parts) and (parts[0] + parts[1]).products in found.additions:
            blocks = [schemes.chain(parts[start : start + size]) for start in range(0, len(parts), size)]
            for merge, scheme in _PAIRWISE.items():
                if scheme(blocks) == found:
                    yield f"blocks of {size}, added {merge}; within each one after another"
                for count in _WIDTHS:
                    if count < len(blocks) and schemes.lanes(count, scheme, blocks) == found:
                        yield f"blocks of {size} in {count} lanes, added {merge}; within each one after another"


def _wide_and_narrow(found: Sum, parts: Sequence[Sum]) -> Iterator[str]:
    """Name wide lanes, and then narrow ones for what they leave."""
    for wide in [width for width in _WIDTHS[3:] if width < len(parts)]:
        partner = parts[wide if len(parts) >= 2 * wide else wide // 2]
        if (parts[0] + partner).products not in found.additions:
            continue
        for narrow in (width for width in _WIDTHS[1:] if 2 * width <= wide):
            for step in (narrow, 2 * narrow):  # a vector of halves fills two of float32
                if step > len(parts) % wide:
                    continue
                if schemes.wide_and_narrow_lanes(wide, narrow, step, schemes.folded, parts) == found:
                    yield f"{wide} lanes and then {narrow}, each added pairwise, and then the rest"


def _first_pair(tree: tuple) -> tuple[int, int]:
    """Two products that are added to each other in the deepest addition of two."""
    deepest, pair = -1, (0, 0)
    left: list[tuple[int, tuple]] = [(0, tree)]
    while left:
        level, node = left.pop()
        if level > deepest and not any(isinstance(part, tuple) for part in node):
            deepest, pair = level, (node[0], node[1])
        left += [(level + 1, part) for part in node if isinstance(part, tuple)]
    return pair
