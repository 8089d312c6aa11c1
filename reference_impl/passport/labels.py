"""Labels: the places of the products of a sum along its axes, and the orders in which these can be walked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product

from . import schemes
from .element import Element, Index
from .schemes import Sum

# The names of two axes that follow each other.
_TOGETHER = {("kernel rows", "kernel columns"): "taps", ("rows", "columns"): "positions"}
_BLOCKS = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Labels:
    """The places of the products along the axes of the sum."""

    places: tuple[Index, ...]
    axes: tuple[str, ...]

    @classmethod
    def of(cls, element: Element) -> Labels:
        return cls(tuple(term.label for term in element.terms), element.axes)

    def used(self, products: Sequence[int]) -> list[int]:
        """The axes along which these products have more than one place."""
        return [axis for axis in range(len(self.axes)) if len({self.places[number][axis] for number in products}) > 1]

    def sequences(self, products: Sequence[int], *, swapped: bool = False) -> Iterator[Sequenced]:
        """Yield the products in each order and direction of their axes. The plain one, and its reverse, come first.

        `swapped` puts the second of each pair of places along the innermost axis before the first.
        """
        used, seen = self.used(products), set()
        for signs in sorted(product((1, -1), repeat=len(used)), key=lambda signs: -abs(sum(signs))):
            for order in permutations(zip(used, signs)):
                inner = order[-1][0] if order and swapped else None

                def key(number: int, order: Sequence = order, inner: int | None = inner) -> list[int]:
                    place = self.places[number]
                    return [sign * (place[axis] ^ 1 if axis == inner else place[axis]) for axis, sign in order]

                ordered = tuple(sorted(products, key=key))
                if ordered not in seen:
                    seen.add(ordered)
                    back = tuple(self.axes[axis] for axis, sign in order if sign < 0)
                    yield Sequenced(tuple(self.axes[axis] for axis, _ in order), back, ordered)

    def blocked(self, products: Sequence[int]) -> Iterator[tuple[int, str, Sequenced]]:
        """Yield the products in blocks of an axis, with the other axes and then this one inside: (size, axis, ...)."""
        used = self.used(products)
        for axis, size in product(used, _BLOCKS):
            for others in permutations(other for other in used if other != axis):

                def key(number: int, axis: int = axis, size: int = size, others: Index = others) -> tuple:
                    place = self.places[number]
                    return place[axis] // size, *(place[other] for other in others), place[axis]

                names = tuple(self.axes[each] for each in (*others, axis))
                yield size, self.axes[axis], Sequenced(names, (), tuple(sorted(products, key=key)))


@dataclass(frozen=True)
class Sequenced:
    """Products sorted along axes, the outermost first. Those of `back` run backwards."""

    axes: tuple[str, ...]
    back: tuple[str, ...]
    products: tuple[int, ...]

    @property
    def parts(self) -> list[Sum]:
        return [schemes.product(number) for number in self.products]

    @property
    def words(self) -> str:
        """The order of the axes: ", channels inner", ", reversed"."""
        said = ""
        if self.back:
            said += ", reversed" if len(self.back) == len(self.axes) else f", {' and '.join(self.back)} reversed"
        names = _together(self.axes)
        if len(names) > 1:
            said += f", {names[-1]} inner" + (f" and {names[0]} outer" if len(names) > 2 else "")
        return said


def _together(axes: Sequence[str]) -> list[str]:
    """The names of axes from the outermost on. Two that follow each other may have one name."""
    names = list(axes)
    for pair, name in _TOGETHER.items():
        for place in range(len(names) - 1):
            if tuple(names[place : place + 2]) == pair:
                names[place : place + 2] = [name]
                break
    return names
