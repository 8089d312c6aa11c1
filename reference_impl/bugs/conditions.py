"""Conditions on a call, by name: thresholds on numbers, multiples, relations between sizes, words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

import numpy as np

from .judged_call import JudgedCall
from .table import AXES, COUNTED, WORDS, Table

Holds = Callable[[Table], np.ndarray]

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
)
_NAMES = {
    "stride height or width above 1": "strided",
    "stride height and width 1": "not strided",
    "dilation height or width above 1": "dilated",
    "dilation height and width 1": "not dilated",
    "padding height or width above 0": "padded",
    "padding height and width 0": "no padding",
    "leftover height or width above 0": "leftover rows or columns",
    "kernel height and width 1": "kernel 1 x 1",
    "output height and width 1": "one output position",
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
    for condition in (*_on_words(table), *_facts(), *_on_numbers(table, failed), *_multiples()):
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
        of_axes = name.endswith(("height or width", "height and width"))
        more = 0.0 if name in COUNTED else 0.1 if of_axes else 0.3
        for value in _thresholds(values, values[failed]):
            cost = more + (1.0 if value <= 2 else 1.2)
            said = f"{name} above {value - 1}" if value <= 2 else f"{name} {value} or more"
            yield Condition(_NAMES.get(said, said), cost, partial(_is_least, name, value), name)
            below = f"{value - 1}" if value <= 2 and values.min() >= value - 1 else f"at most {value - 1}"
            said = f"{_opposite(name) if of_axes else name} {below}"
            yield Condition(_NAMES.get(said, said), cost, _not(partial(_is_least, name, value)), name)
        if not of_axes:
            common, counts = np.unique(values[failed], return_counts=True)
            for value in common[np.argsort(-counts, kind="stable")][:8].tolist():
                yield Condition(f"{name} {value}", 1.3 + more, partial(_is_equal, name, value), name)


def _opposite(name: str) -> str:
    """Return the name for a limit from above: the larger of two numbers is at most 3 if the one and the other are."""
    return name.replace(" or ", " and ") if " or " in name else name.replace(" and ", " or ")


def _thresholds(values: np.ndarray, failing: np.ndarray) -> list[int]:
    """Choose values at which a condition "this or more" may start: all if there are few."""
    distinct = np.unique(values)[1:]
    if len(distinct) > _MOST_VALUES:
        powers = 2 ** np.arange(21)
        wanted = [*range(10), *powers, *(powers + 1), failing.min(), failing.max() + 1]
        wanted += np.quantile(failing, np.linspace(0, 1, 13)).astype(int).tolist()
        distinct = np.unique(distinct[np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)])
    return [int(value) for value in distinct]


def _is_least(name: str, value: int, table: Table) -> np.ndarray:
    return table.numbers[name] >= value


def _is_equal(name: str, value: int, table: Table) -> np.ndarray:
    return table.numbers[name] == value


def _multiples() -> Iterator[Condition]:
    for name in _MULTIPLES_OF:
        plural = name.endswith(("channels", "groups", "group"))
        for number, cost in ((2, 1.2), (3, 1.4), (4, 1.3), (8, 1.3), (16, 1.3), (32, 1.4)):
            multiple = partial(_is_multiple, name, number)
            if number == 2:
                said, opposite = ("an even number of {}", "an odd number of {}") if plural else ("even {}", "odd {}")
                yield Condition(said.format(name), cost, multiple, name)
                yield Condition(opposite.format(name), cost, _not(multiple), name)
            else:
                yield Condition(f"{name} a multiple of {number}", cost, multiple, name)
                yield Condition(f"{name} no multiple of {number}", cost + 0.1, _not(multiple), name)


def _is_multiple(name: str, number: int, table: Table) -> np.ndarray:
    return table.numbers[name] % number == 0


def _not(holds: Holds) -> Holds:
    return lambda table: ~holds(table)


def _facts() -> Iterator[Condition]:
    """Yield relations between the sizes of a case, and their opposites."""
    for name, holds, opposite, cost in _RELATIONS:
        yield Condition(name, cost, holds, name)
        yield Condition(opposite, cost + 0.1, _not(holds), name)
    for said, opposite, relation in _AXIS_RELATIONS:
        for axis in AXES:
            along = f" along {axis}"
            yield Condition(f"{said}{along}", 1.3, partial(relation, axis), said)
            yield Condition(f"{opposite}{along}", 1.4, _not(partial(relation, axis)), said)
        yield Condition(said, 1.2, _any_axis(relation), said)
        yield Condition(f"{said} along both axes", 1.4, _both_axes(relation), said)
        yield Condition(opposite, 1.3, _not(_any_axis(relation)), said)
        yield Condition(f"{opposite} along both axes", 1.5, _not(_both_axes(relation)), said)


Relation = Callable[[str, Table], np.ndarray]


def _any_axis(relation: Relation) -> Holds:
    return lambda table: relation("height", table) | relation("width", table)


def _both_axes(relation: Relation) -> Holds:
    return lambda table: relation("height", table) & relation("width", table)


def _compare(first: str, test: np.ufunc, second: str) -> Relation:
    return lambda axis, table: test(table.numbers[f"{first} {axis}"], table.numbers[f"{second} {axis}"])


def _even_kernel(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"kernel {axis}"] % 2 == 0


def _strided_and_dilated(axis: str, table: Table) -> np.ndarray:
    return (table.numbers[f"stride {axis}"] > 1) & (table.numbers[f"dilation {axis}"] > 1)


def _odd_padding(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"padding {axis}"] % 2 == 1


def _uneven_pads(axis: str, table: Table) -> np.ndarray:
    before, after = ("top", "bottom") if axis == "height" else ("left", "right")
    return table.numbers[f"{before} padding"] != table.numbers[f"{after} padding"]


def _no_multiple_of_stride(axis: str, table: Table) -> np.ndarray:
    return table.numbers[f"input {axis}"] % table.numbers[f"stride {axis}"] != 0


_AXIS_RELATIONS: tuple[tuple[str, str, Relation], ...] = (
    ("stride above the kernel", "stride at most the kernel", _compare("stride", np.greater, "kernel")),
    (
        "stride above the kernel's extent",
        "stride at most the kernel's extent",
        _compare("stride", np.greater, "kernel extent"),
    ),
    ("kernel as large as the input", "kernel not as large as the input", _compare("kernel", np.equal, "input")),
    ("kernel above the input", "kernel at most the input", _compare("kernel", np.greater, "input")),
    (
        "kernel's extent above the input",
        "kernel's extent at most the input",
        _compare("kernel extent", np.greater, "input"),
    ),
    (
        "kernel's extent as large as the padded input",
        "kernel's extent below the padded input",
        _compare("kernel extent", np.equal, "padded"),
    ),
    ("dilation above the kernel", "dilation at most the kernel", _compare("dilation", np.greater, "kernel")),
    ("stride above the dilation", "stride at most the dilation", _compare("stride", np.greater, "dilation")),
    ("dilation above the stride", "dilation at most the stride", _compare("dilation", np.greater, "stride")),
    ("even kernel", "odd kernel", _even_kernel),
    ("strided and dilated", "not strided and dilated", _strided_and_dilated),
    ("an odd number of zeros of padding", "an even number of zeros of padding", _odd_padding),
    ("uneven padding", "even padding", _uneven_pads),
    ("input no multiple of the stride", "input a multiple of the stride", _no_multiple_of_stride),
)


def _both(part: str, test: np.ufunc) -> Holds:
    return lambda table: test(table.numbers[f"{part} height"], table.numbers[f"{part} width"])


def _depthwise(table: Table) -> np.ndarray:
    return (table.numbers["groups"] > 1) & (table.numbers["channels per group"] == 1)


def _has_multiplier(table: Table) -> np.ndarray:
    return _depthwise(table) & (table.numbers["output channels per group"] > 1)


def _grouped_only(table: Table) -> np.ndarray:
    return (table.numbers["groups"] > 1) & (table.numbers["channels per group"] > 1)


def _kernel_3_by_3(table: Table) -> np.ndarray:
    return (table.numbers["kernel height"] == 3) & (table.numbers["kernel width"] == 3)


def _same_channels(table: Table) -> np.ndarray:
    return table.numbers["input channels"] == table.numbers["output channels"]


def _fewer_outputs(table: Table) -> np.ndarray:
    return table.numbers["output channels"] < table.numbers["input channels"]


def _more_outputs(table: Table) -> np.ndarray:
    return table.numbers["output channels"] > table.numbers["input channels"]


def _some_zeros(*names: str) -> Holds:
    return lambda table: np.logical_or.reduce([table.numbers[name] == 0 for name in names])


_RELATIONS: tuple[tuple[str, Holds, str, float], ...] = (
    ("depthwise", _depthwise, "not depthwise", 1.0),
    ("depthwise with a multiplier above 1", _has_multiplier, "no depthwise multiplier above 1", 1.1),
    ("grouped but not depthwise", _grouped_only, "not grouped, or depthwise", 1.2),
    ("kernel 3 x 3", _kernel_3_by_3, "kernel other than 3 x 3", 1.1),
    ("as many input as output channels", _same_channels, "other numbers of input and output channels", 1.2),
    ("more output than input channels", _more_outputs, "output channels at most the input channels", 1.3),
    ("fewer output than input channels", _fewer_outputs, "output channels at least the input channels", 1.3),
    ("an empty array", _some_zeros("batch", "input channels", "output channels"), "no empty array", 1.0),
    *(
        relation
        for part in ("kernel", "stride", "dilation", "input", "output")
        for relation in (
            (f"{part} height unlike its width", _both(part, np.not_equal), f"{part} height equal to its width", 1.2),
            (f"{part} height above its width", _both(part, np.greater), f"{part} height at most its width", 1.3),
            (f"{part} width above its height", _both(part, np.less), f"{part} width at most its height", 1.3),
        )
    ),
)


def all_hold(conditions: Iterable[Condition], table: Table) -> np.ndarray:
    """Return a mask of the calls on which all conditions hold."""
    mask = table.everywhere()
    for condition in conditions:
        mask &= condition.holds(table)
    return mask
