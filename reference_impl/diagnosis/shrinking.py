"""Find the smallest case on which something still fails, by trying simpler cases in a fixed order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import chain, combinations, product
from math import prod

from ..cases.case import Case
from ..cases.variations import made

MOST_TRIED = 500


def smallest(case: Case, fails: Callable[[Case], bool], seconds: float = 3.0) -> Case:
    """Simplify `case`, which fails, by one change or by two at once, and return the last case that fails.

    After MOST_TRIED cases, or about `seconds`, return the smallest found so far.
    """
    until = time.monotonic() + seconds
    tried = {case}
    progress = True
    while progress:
        progress = False
        for simpler in simplifications(case):
            if simpler in tried:
                continue
            if len(tried) >= MOST_TRIED or time.monotonic() > until:
                return case
            tried.add(simpler)
            if fails(simpler):
                case, progress = simpler, True
                break
    return case


def simplifications(case: Case) -> Iterator[Case]:
    """Yield cases that are simpler in one thing, then in two, the largest steps first.

    Each has a smaller `complexity`.
    """
    for changes in chain(_changes(case), _pairs(case)):
        yield from (simpler for simpler in made(case, **changes) if complexity(simpler) < complexity(case))


def complexity(case: Case) -> tuple[int, int, int]:
    """Return numbers to compare cases by, smaller for simpler: options and sizes, then elements, then padding."""
    options = sum(case.strides) + sum(case.dilations) + case.groups
    if not isinstance(case.padding, str):
        options += 1 + sum(map(sum, case.padding))
    sizes = case.batch + case.height + case.width + case.input_channels + sum(case.kernel_size) + case.output_channels
    return (
        options + sizes,
        prod(case.input_sizes),
        ("VALID", "SAME", "SAME_LOWER", "FULL", "EXPLICIT").index(case.padding_mode),
    )


def _changes(case: Case) -> Iterator[dict]:
    yield {"groups": 1}
    yield {"padding": "VALID"}
    for name in ("strides", "dilations", "kernel_size"):
        yield {name: (1, 1)}
    inputs, outputs = case.input_channels // case.groups, case.output_channels // case.groups
    for groups in _smaller(case.groups):
        yield {"groups": groups, "input_channels": groups * inputs, "output_channels": groups * outputs}
    for name, group in (("batch", 1), ("input_channels", case.groups), ("output_channels", case.groups)):
        for count in _smaller(getattr(case, name) // group):
            yield {name: count * group}
    for name in ("height", "width"):
        for size in _smaller(getattr(case, name)):
            yield {name: size}
    for name in ("kernel_size", "strides", "dilations"):
        yield from ({name: pair} for pair in _smaller_pairs(getattr(case, name), 1))
    if not isinstance(case.padding, str):
        rows, columns = case.padding
        yield from ({"padding": (pair, columns)} for pair in _smaller_pairs(rows, 0))
        yield from ({"padding": (rows, pair)} for pair in _smaller_pairs(columns, 0))
    # Image and kernel shrink together where shrinking one alone leaves no convolution, or hides the mistake.
    for name, axis in (("height", 0), ("width", 1)):
        kernel = tuple(max(size - (axis == position), 1) for position, size in enumerate(case.kernel_size))
        yield {name: max(getattr(case, name) - 1, 1), "kernel_size": kernel}


def _pairs(case: Case) -> Iterator[dict]:
    """Yield two changes at once: a case may fail only if two of its parts change together."""
    for one, other in combinations(_changes(case), 2):
        if not one.keys() & other.keys():
            yield {**one, **other}
    for name in ("kernel_size", "strides", "dilations"):
        height, width = getattr(case, name)
        yield from ({name: pair} for pair in product(_smaller(height), _smaller(width)))
    if not isinstance(case.padding, str):
        pads = [pad for pair in case.padding for pad in pair]
        for first, second in combinations(range(4), 2):
            for less in product(_smaller(pads[first], 0), _smaller(pads[second], 0)):
                top, bottom, left, right = (
                    less[0] if place == first else less[1] if place == second else pad for place, pad in enumerate(pads)
                )
                yield {"padding": ((top, bottom), (left, right))}


def _smaller(number: int, least: int = 1) -> list[int]:
    """Return `least`, half of `number`, and 1 and 2 less, as only odd or only even numbers may fail."""
    return sorted({max(value, least) for value in (least, number // 2, number - 2, number - 1)} - {number})


def _smaller_pairs(pair: tuple[int, int], least: int) -> list[tuple[int, int]]:
    first, second = pair
    return [(one, second) for one in _smaller(first, least)] + [(first, two) for two in _smaller(second, least)]
