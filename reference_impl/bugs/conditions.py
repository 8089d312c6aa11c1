"""Conditions on a call, by name: words, thresholds on numbers, multiples, and the relations between sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np

from .judged_call import JudgedCall
from .relations import Holds, opposite_of, relations
from .table import AXES, COUNTED, WORDS, Table

# The most thresholds for one number.
_MOST_VALUES = 32
_MULTIPLES_OF = (
    "batch",
    "groups",
    "channels per group",
    "output channels per group",
    "input channels",
    "output channels",
    *(f"{part} {axis}" for part in ("kernel", "input", "output") for axis in AXES),
    "products of each sum",
    "output positions",
    "output positions of all images",
    "bytes of a pixel",
    "bytes of a row",
)
# Numbers without thresholds: only their multiples matter.
_ONLY_MULTIPLES = ("bytes of a pixel", "bytes of a row")
_NAMES = {
    "stride height or width above 1": "strided",
    "stride height and width 1": "not strided",
    "dilation height or width above 1": "dilated",
    "dilation height and width 1": "not dilated",
    "padding height or width above 0": "padded",
    "padding height and width 0": "no padding",
    "leftover height or width above 0": "leftover rows or columns",
    "unread input height or width above 0": "rows or columns that no window reads",
    "unread input height above 0": "rows that no window reads",
    "unread input width above 0": "columns that no window reads",
    "kernel height and width 1": "kernel 1 x 1",
    "output height and width 1": "one output position",
    "halo height or width above 0": "overlapping windows",
    "halo height and width 0": "no overlapping windows",
    "halo height above 0": "windows that overlap along height",
    "halo width above 0": "windows that overlap along width",
    "halo height 0": "no windows that overlap along height",
    "halo width 0": "no windows that overlap along width",
}


@dataclass(frozen=True)
class Condition:
    """A condition on a call.

    Parameters
    ----------
    name : a noun phrase, as in "kernel height 5 or more"
    cost : 1 for the simplest; of two that fit as well, the cheaper is told
    holds : Table -> a bool for each of its calls
    subject : the number or word that it is about; conditions on one subject can be joined by "or"
    """

    name: str
    cost: float
    holds: Holds = field(compare=False, repr=False)
    subject: str = ""

    @classmethod
    def on_calls(cls, name: str, predicate: Callable[[JudgedCall], bool], cost: float = 1.0) -> Condition:
        """Make a condition of a function of one call. It is slower than those on columns."""
        return cls(name, cost, lambda table: np.fromiter(map(predicate, table.calls), bool, len(table)), name)

    def or_(self, other: Condition) -> Condition:
        first, second = self.holds, other.holds
        subject = self.subject if self.subject == other.subject else f"{self.subject}, {other.subject}"
        return Condition(
            f"({self.name} or {other.name})",
            self.cost + other.cost + 0.2,
            lambda table: first(table) | second(table),
            subject,
        )


def conditions_on(table: Table, failed: np.ndarray) -> list[Condition]:
    """Return all conditions that may tell the failed calls from others, the cheapest first."""
    found: dict[str, Condition] = {}
    for condition in (*_on_words(table), *_relations(), *_on_numbers(table, failed), *_multiples()):
        found.setdefault(condition.name, condition)
    return sorted(found.values(), key=lambda condition: condition.cost)


def _on_words(table: Table) -> Iterator[Condition]:
    for subject in WORDS:
        words = sorted(set(table.words[subject].tolist()))
        prefix = "" if subject == "operation" else f"{subject} "
        for word in words:
            shown = word or "the plain one"
            yield Condition(f"{prefix}{shown}", 1.0, partial(_is_one_of, subject, (word,)), subject)
            if len(words) > 2:
                yield Condition(f"{prefix}other than {shown}", 1.3, partial(_is_none_of, subject, (word,)), subject)
        if 3 < len(words) <= 12:
            for pair in combinations(words, 2):
                said = " or ".join(word or "the plain one" for word in pair)
                yield Condition(f"{prefix}{said}", 1.5, partial(_is_one_of, subject, pair), subject)
                said = " and ".join(word or "the plain one" for word in pair)
                yield Condition(f"{prefix}other than {said}", 1.7, partial(_is_none_of, subject, pair), subject)


def _is_one_of(subject: str, words: tuple[str, ...], table: Table) -> np.ndarray:
    return np.logical_or.reduce([table.words[subject] == word for word in words]).astype(bool)


def _is_none_of(subject: str, words: tuple[str, ...], table: Table) -> np.ndarray:
    return ~_is_one_of(subject, words, table)


def _on_numbers(table: Table, failed: np.ndarray) -> Iterator[Condition]:
    for name, values in table.numbers.items():
        if name in _ONLY_MULTIPLES:
            continue
        of_axes = name.endswith(("height or width", "height and width"))
        more = 0.0 if name in COUNTED else 0.1 if of_axes else 0.3
        for below, value in _thresholds(values, values[failed]):
            # No call tells where between the two values the limit is. Both conditions take what lies between.
            cost = more + (1.0 if below < 2 else 1.2)
            said = f"{name} above {below}" if below < 2 else f"{name} {below + 1} or more"
            yield Condition(_NAMES.get(said, said), cost, partial(_is_least, name, below + 1), name)
            cost = more + (1.0 if value <= 2 else 1.2)
            most = f"{value - 1}" if value <= 2 and values.min() >= value - 1 else f"at most {value - 1}"
            said = f"{_opposite(name) if of_axes else name} {most}"
            yield Condition(_NAMES.get(said, said), cost, opposite_of(partial(_is_least, name, value)), name)
        if not of_axes:
            common, counts = np.unique(values[failed], return_counts=True)
            for value in common[np.argsort(-counts, kind="stable")][:8].tolist():
                yield Condition(f"{name} {value}", 1.3 + more, partial(_is_equal, name, value), name)


def _opposite(name: str) -> str:
    """Return the name for a limit from above: the larger of two numbers is at most 3 if the one and the other are."""
    return name.replace(" or ", " and ") if " or " in name else name.replace(" and ", " or ")


def _thresholds(values: np.ndarray, failing: np.ndarray) -> list[tuple[int, int]]:
    """Choose pairs of neighbouring values between which a limit may be: all if there are few."""
    every = np.unique(values)
    distinct = every[1:]
    if len(distinct) > _MOST_VALUES:
        powers = 2 ** np.arange(21)
        wanted = [*range(10), *powers, *(powers + 1), failing.min(), failing.max() + 1]
        wanted += np.quantile(failing, np.linspace(0, 1, 13)).astype(int).tolist()
        distinct = np.unique(distinct[np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)])
    below = every[np.searchsorted(every, distinct) - 1]
    return list(zip(below.tolist(), distinct.tolist(), strict=True))


def _is_least(name: str, value: int, table: Table) -> np.ndarray:
    return table.numbers[name] >= value


def _is_equal(name: str, value: int, table: Table) -> np.ndarray:
    return table.numbers[name] == value


def _multiples() -> Iterator[Condition]:
    for name in _MULTIPLES_OF:
        plural = not name.endswith(("batch", *AXES))
        for number, cost in ((2, 1.2), (3, 1.4), (4, 1.3), (8, 1.3), (16, 1.3), (32, 1.4)):
            multiple = partial(_is_multiple, name, number)
            if number == 2:
                said, opposite = ("an even number of {}", "an odd number of {}") if plural else ("even {}", "odd {}")
                yield Condition(said.format(name), cost, multiple, name)
                yield Condition(opposite.format(name), cost, opposite_of(multiple), name)
            else:
                yield Condition(f"{name} a multiple of {number}", cost, multiple, name)
                yield Condition(f"{name} no multiple of {number}", cost + 0.1, opposite_of(multiple), name)


def _is_multiple(name: str, number: int, table: Table) -> np.ndarray:
    return table.numbers[name] % number == 0


def _relations() -> Iterator[Condition]:
    for name, cost, holds, subject in relations():
        yield Condition(name, cost, holds, subject)


def all_hold(conditions: Iterable[Condition], table: Table) -> np.ndarray:
    """Return a mask of the calls on which all conditions hold."""
    mask = table.everywhere()
    for condition in conditions:
        mask &= condition.holds(table)
    return mask
