"""Find one mistake that is made along one axis alone at times, or two at once, where no single one explains all."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from ..mistakes import MISTAKES, Mistake
from ..mistakes.mistake import after, along_one_axis
from .matching import Seen

AXES = ("height", "width")
# Fewer wrong answers prove nothing. Two mistakes need more, as many pairs are tried, and each must explain some alone.
_LEAST, _LEAST_OF_TWO, _OF_EACH = 4, 6, 2
# So many are tried as one of two: those that explain the most.
_MOST_FIRST = 6
# So many wrong answers, on the smallest cases, are searched for two mistakes that explain them; then all must be.
_MOST_SMALL = 10
# Zeros are told of the answer itself.
_NONE = ("answers-zeros",)
# Mistakes of these families can be made along one axis alone.
_ALONG = ("padding", "strides", "sizes")


@dataclass(frozen=True)
class Made:
    """A mistake, and the axis along which alone it is made: 0, 1, or None for both."""

    mistake: Mistake
    axis: int | None = None

    @property
    def alone(self) -> Mistake:
        return self.mistake if self.axis is None else _along(self.mistake, self.axis)

    @property
    def named(self) -> str:
        return f"*{self.mistake.name}*" + ("" if self.axis is None else f" along the {AXES[self.axis]} alone")


_along, _after = lru_cache(1000)(along_one_axis), lru_cache(10_000)(after)


@dataclass(frozen=True)
class Several:
    """One mistake made along both axes or one, or two mistakes, that together explain all wrong answers."""

    made: tuple[Made, ...]

    @property
    def mistakes(self) -> list[Mistake]:
        return list(dict.fromkeys(one.mistake for one in self.made))

    @property
    def ways(self) -> list[Mistake]:
        """The mistakes alone, and each two at once, in either order."""
        alone = [one.alone for one in self.made]
        if len(self.mistakes) < 2:
            return alone
        one, other = alone
        return [*alone, _after(one, other), _after(other, one)]

    def explains(self, each: Seen) -> bool:
        return any(each.shows(way) for way in self.ways)

    def needs_each(self, wrong: Sequence[Seen]) -> bool:
        """True if each mistake explains several wrong answers that the other alone does not."""
        return all(
            sum(not any(each.shows(other.alone) for other in self.made if other is not one) for each in wrong)
            >= _OF_EACH
            for one in self.made
        )

    def would_show(self, each: Seen) -> bool:
        """True if the answer is right where one of the mistakes changes it."""
        return each.right() and any(not each.like(one.alone) for one in self.made)


def several(operation: str, seen: Sequence[Seen], until: float) -> Several | None:
    """Return mistakes that together explain all wrong answers to plain probes; None if there are none.

    They are one mistake, made along both axes or along either alone; or else two mistakes. The last of `seen` is the
    call that failed. If it is wrong alone, the first of two mistakes shows on it.
    """
    wrong = [each for each in seen if each.probe.plain and not each.right()]
    wrong.sort(key=lambda each: each.probe.case.multiply_adds)
    if len(wrong) < _LEAST or any(each.observation.refused or each.is_empty for each in wrong):
        return None
    known = [one for one in MISTAKES if operation in one.operations and one.alter is not None and one.name not in _NONE]
    of_axes = [one for one in known if one.family in _ALONG]
    halves = [Made(one, axis) for one in of_axes for axis in (0, 1)]
    found = _of_one(of_axes, wrong, until) or _of_two([*map(Made, known), *halves], wrong, until)
    if found is None or not (seen[-1].right() or found.explains(seen[-1])):
        return None
    return Several(tuple(sorted(found.made, key=lambda one: not seen[-1].shows(one.alone))))


def _of_one(known: Iterable[Mistake], wrong: Sequence[Seen], until: float) -> Several | None:
    for mistake in known:
        # Along one axis in all calls, or else along both or one.
        for axes in ((0,), (1,), (None, 0, 1)):
            one = Several(tuple(Made(mistake, axis) for axis in axes))
            if time.monotonic() < until and all(map(one.explains, wrong)):
                return one
    return None


def _of_two(made: Sequence[Made], wrong: Sequence[Seen], until: float) -> Several | None:
    if len(wrong) < _LEAST_OF_TWO:
        return None
    few, shown = wrong[:_MOST_SMALL], dict[Made, set[Seen]]()
    for one in made:
        if time.monotonic() > until:
            return None
        shown[one] = {each for each in few if each.shows(one.alone)}
    firsts = sorted((one for one in made if len(shown[one]) >= _OF_EACH), key=lambda one: -len(shown[one]))
    for first, second in product(firsts[:_MOST_FIRST], made):
        if time.monotonic() > until:
            return None
        if first.mistake == second.mistake:
            continue
        both = Several((first, second))
        left = (each for each in few if each not in shown[first])
        if all(map(both.explains, left)) and all(map(both.explains, wrong)) and both.needs_each(wrong):
            return both
    return None
