"""Tables of the passports that `passports.py` kept in a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

from reference_impl.backends.promises import PROMISES
from reference_impl.cases.case import Case
from reference_impl.exact.formats import FORMATS
from reference_impl.operations import OPERATIONS
from reference_impl.passport.element import middle_of
from reference_impl.passport.labels import Labels
from reference_impl.passport.naming import name_of
from reference_impl.passport.order import Tree
from reference_impl.passport.precision import bits_named

SHORT = dict(zip(OPERATIONS, ("`conv2d`", "input gradient", "filter gradient", "transpose"), strict=True))
DTYPES = tuple(FORMATS)


def passports(folder: Path) -> list[dict]:
    """Read all passports, sorted by framework. Plain backends come first, then routes, then environments.

    A passport without any case is left out.
    """
    every = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    found = [one for one in every if any(one["bits"].values()) or one["sums"] or one["errors"]]
    for one in found:
        for told in one["sums"]:
            _name_again(told)
    return sorted(found, key=_place)


def _place(one: dict) -> tuple:
    name = one["backend"]
    return framework(name), name != framework(name), "@" in name, name, DTYPES.index(one["dtype"])


def framework(name: str) -> str:
    return name.partition(":")[0].partition("@")[0]


def _name_again(told: dict) -> None:
    """Name an order again, as it may have a name since."""
    if told["tree"] is not None and told["terms"] > 1:
        labels = Labels.of(middle_of(told["operation"], Case.parse(told["case"])))
        told["order"] = name_of(_tree(told["tree"]), labels)


def _tree(part: list | int) -> Tree:
    return tuple(map(_tree, part)) if isinstance(part, list) else part


def rows(heads: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    return "\n".join([_row(heads), _row(["---"] * len(heads)), *map(_row, cells)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _named(operations: Iterable[str]) -> str:
    return ", ".join(SHORT[one] for one in operations)


def summary(found: Sequence[dict]) -> str:
    """The table of docs/passport.md: a row for each framework and dtype."""
    heads = ("framework", "dtype", "adds in", *PROMISES, "other bits in")
    plain = [one for one in found if one["backend"] == framework(one["backend"])]
    return rows(
        heads, [(one["backend"], one["dtype"], _adds_in(one), *_promises(one), _others(one, found)) for one in plain]
    )


def _adds_in(one: dict) -> str:
    by_words: dict[str, list[str]] = {}
    for operation in _own(one):
        by_words.setdefault(_accumulators(_sums(one, operation)), []).append(operation)
    if len(by_words) == 1:
        return next(iter(by_words))
    return "; ".join(f"{_named(operations)}: {words}" for words, operations in by_words.items())


def _sums(one: dict, operation: str) -> list[dict]:
    return [told for told in one["sums"] if told["operation"] == operation and told["terms"] > 1]


def _accumulators(sums: Sequence[dict]) -> str:
    bits = sorted({bits for told in sums if told["precision"] for bits in told["precision"]["additions"].values()})
    return " and ".join(bits_named(each).partition(" (")[0] for each in bits) or "not told"


def _promises(one: dict) -> Iterator[str]:
    for word in PROMISES:
        seen = {
            operation: each["holds"]
            for operation, held in one["invariances"].items()
            for each in held
            if each["promise"] == word
        }
        broken = [operation for operation, holds in seen.items() if holds is False]
        if len(broken) > 1 and len(broken) == sum(holds is not None for holds in seen.values()):
            yield "no"
        elif broken:
            yield f"no: {_named(broken)}"
        else:
            yield "yes" if any(seen.values()) else "not asked"


def _others(plain: dict, found: Sequence[dict]) -> str:
    """The other backends of a framework that do not give the bits of the plain one in each operation."""
    name, dtype = plain["backend"], plain["dtype"]
    others = [one for one in found if framework(one["backend"]) == name and one["dtype"] == dtype and one is not plain]
    differ = [one["backend"].removeprefix(name) for one in others if set(one["alike"].values()) != {name} or _own(one)]
    same = [one["backend"].removeprefix(name) for one in others if one["backend"].removeprefix(name) not in differ]
    stars = [one for one in differ if not any(other.startswith(f"{one}_") for other in same)]
    said = [
        f"`{one}*`" if one in stars and any(other.startswith(f"{one}_") for other in differ) else f"`{one}`"
        for one in differ
        if not any(one.startswith(f"{star}_") for star in stars)
    ]
    return ", ".join(said) or ("none of the others" if others else "no others asked")


def whose_bits(found: Sequence[dict]) -> str:
    """A row for each backend: in each dtype, the backends whose bits its operations give."""
    by_name: dict[str, dict[str, dict]] = {}
    for one in found:
        by_name.setdefault(one["backend"], {})[one["dtype"]] = one
    return rows(
        ("backend", *DTYPES),
        [
            (f"`{name}`", *(_whose(of[dtype]) if dtype in of else "–" for dtype in DTYPES))
            for name, of in by_name.items()
        ],
    )


def _whose(one: dict) -> str:
    whose: dict[str, list[str]] = {}
    for operation in OPERATIONS:
        if one["bits"].get(operation) or _sums(one, operation):
            whose.setdefault(_name_with_cases(one, operation), []).append(operation)
    said = [f"{name}: {_named(operations)}" for name, operations in whose.items()]
    if len(whose) == 1:
        said = list(whose)
    return "; ".join([*said, *([f"error: {_named(one['errors'])}"] if one["errors"] else [])]) or "–"


def _name_with_cases(one: dict, operation: str) -> str:
    """The backend whose bits an operation gives, with the number of cases if it is small."""
    cases = len(one["bits"].get(operation, ()))
    return one["alike"].get(operation, "own") + (
        f" (on {cases} case{'s' if cases > 1 else ''})" if cases < 6 and operation in one["alike"] else ""
    )


def other_promises(found: Sequence[dict]) -> str:
    """A row for each promise that only one of two backends with the same bits keeps."""
    by_name = {(one["backend"], one["dtype"]): one for one in found}
    cells = []
    for one in found:
        for operation, name in one["alike"].items():
            here, there = (_broken(each, operation) for each in (one, by_name[name, one["dtype"]]))
            for word in sorted(({*here} ^ {*there}) & {*_asked(one, operation)}):
                keeps = name if word in here else one["backend"]
                cells.append((f"`{one['backend']}`", f"`{name}`", one["dtype"], SHORT[operation], word, f"`{keeps}`"))
    return rows(("backend", "bits of", "dtype", "operation", "promise", "kept by"), cells) if cells else "None."


def _broken(one: dict, operation: str) -> dict[str, str]:
    """The promises that an operation breaks, with the smallest case that shows it."""
    held = one["invariances"].get(operation, ())
    return {each["promise"]: each["seen"].rpartition(": ")[2] for each in held if each["holds"] is False}


def _asked(one: dict, operation: str) -> list[str]:
    return [each["promise"] for each in one["invariances"].get(operation, ())]


def told_sums(found: Sequence[dict]) -> str:
    """A row for each operation that was told."""
    heads = ("backend", "dtype", "operation", "order", "adds in", "replayed", "other places", "breaks")
    return rows(
        heads,
        [
            (f"`{one['backend']}`", one["dtype"], SHORT[operation], *_cells(one, operation))
            for one in found
            for operation in _own(one)
        ],
    )


def _own(one: dict) -> list[str]:
    """The operations whose sums were told."""
    return [operation for operation in OPERATIONS if _sums(one, operation) and operation not in one["alike"]]


def _cells(one: dict, operation: str) -> tuple[str, ...]:
    sums, asked = _sums(one, operation), _asked(one, operation)
    unasked = f" of {', '.join(asked)}" if len(asked) < len(PROMISES) else ""
    orders = Counter(told["order"] for told in sums)
    order, count = orders.most_common(1)[0] if orders else ("no sum was asked", 0)
    replayed = [told["replayed"] for told in sums if told["replayed"]]
    whole = sum(each["right"] == each["count"] for each in replayed)
    elsewhere = sum(bool(told["places"] and told["places"]["differ"]) for told in sums)
    return (
        order if count == len(sums) else f"{order} ({count} of {len(sums)})",
        _accumulators(sums),
        f"{whole} of {len(replayed)}" if replayed else "",
        f"{elsewhere} of {len(sums)}" if elsewhere else "",
        ", ".join(f"{word} ({case})" for word, case in _broken(one, operation).items()) or f"none{unasked}",
    )


def changes(found: Sequence[dict]) -> str:
    """A row for each change, or for an operation that shows none."""
    cells = [
        (f"`{one['backend']}`", one["dtype"], _named(operations), change)
        for one in found
        if one["backend"] == framework(one["backend"])
        for change, operations in _changed(one).items()
    ]
    return rows(("backend", "dtype", "operations", "change"), cells)


def _changed(one: dict) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for operation, several in one["changes"].items():
        if operation != "conv2d_backprop_filter":  # it sums over no channels
            for change in several or ["none"]:
                found.setdefault(change, []).append(operation)
    return found


def between(found: Sequence[dict]) -> str:
    """A row for each two frameworks and dtype."""
    plain = [one for one in found if one["backend"] == framework(one["backend"])]
    pairs = [(one, other) for one, other in combinations(plain, 2) if one["dtype"] == other["dtype"]]
    return rows(
        ("one", "other", "dtype", *SHORT.values()),
        [
            (
                one["backend"],
                other["backend"],
                one["dtype"],
                *(_equal(one, other, operation) for operation in OPERATIONS),
            )
            for one, other in pairs
        ],
    )


def _equal(one: dict, other: dict, operation: str) -> str:
    bits, others = (each["bits"].get(operation, {}) for each in (one, other))
    both = [case for case in bits if case in others]
    return f"{sum(bits[case] == others[case] for case in both)} of {len(both)}" if both else ""
