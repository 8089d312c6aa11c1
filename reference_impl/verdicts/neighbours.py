"""Neighbours of a case: calls that a cache with too few keys takes for the same one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..cases.case import Case
from .call import array_shapes


@lru_cache(256)  # dozens of cases are made and dropped for each that is found
def neighbours(case: Case, operation: str, seed: int) -> tuple[Case, ...]:
    """Draw cases next to `case`, one of each kind that there is.

    Most have arrays of the same shapes, and another stride, dilation, padding, or size of the answer. One has height
    and width exchanged, and one has another number of groups with filters of the same shape.
    """
    random = np.random.default_rng([seed, zlib.crc32(f"neighbours {case} {operation}".encode())])
    found: list[Case] = []
    for kind in random.permutation(list(_KINDS)).tolist():
        of_kind = [other for other in _KINDS[kind](case) if _is_mistakable(other, case, operation)]
        most = max((_alike(other, case) for other in of_kind), default=0)
        likest = [other for other in of_kind if _alike(other, case) == most]
        if likest:
            found.append(likest[random.integers(len(likest))])
    return tuple(dict.fromkeys(found))


def _alike(one: Case, other: Case) -> int:
    """Number of arrays that have the same shape in both: input, filters and output."""
    names = ("input_sizes", "filter_sizes", "output_shape")
    return sum(getattr(one, name) == getattr(other, name) for name in names)


def _is_mistakable(other: Case, case: Case, operation: str) -> bool:
    if other == case or 0 in (*other.input_sizes, *other.filter_sizes):
        return False
    one, two = (array_shapes(each, operation) for each in (other, case))
    if sum(map(np.prod, one.values())) > 4 * sum(map(np.prod, two.values())) + 1000:
        return False
    return one == two or other.groups != case.groups or other == _exchanged(case)


def _made(case: Case, **changes: Any) -> Iterator[Case]:
    try:
        yield replace(case, **changes)
    except ValueError:  # there is no such convolution
        return


def _pads(case: Case) -> list[list[int]]:
    return [[axis.pad_before, axis.pad_after] for axis in case.convolution.axes]


def _at(pair: tuple[int, int], axis: int, change: int) -> tuple[int, int]:
    changed = list(pair)
    changed[axis] += change
    return changed[0], changed[1]


def _padded(case: Case, axis: int, before: int, after: int, **changes: Any) -> Iterator[Case]:
    """The case with that much more padding on one axis, which may be less than none."""
    pads = _pads(case)
    pads[axis][0] += before
    pads[axis][1] += after
    yield from _made(case, padding=tuple(map(tuple, pads)), **changes)


def _shifted(case: Case) -> Iterator[Case]:
    """The same output size with other pads."""
    for axis in (0, 1):
        for before, after in ((1, -1), (-1, 1)):
            yield from _padded(case, axis, before, after)


def _strided_more(case: Case) -> Iterator[Case]:
    """Another stride, and so much more padding that the output keeps its size."""
    for axis, count in enumerate(case.output_shape[1:3]):
        yield from _padded(case, axis, 0, count - 1, strides=_at(case.strides, axis, 1))


def _dilated_more(case: Case) -> Iterator[Case]:
    """Another dilation, and so much more padding that the output keeps its size."""
    for axis, taps in enumerate(case.kernel_size):
        yield from _padded(case, axis, 0, taps - 1, dilations=_at(case.dilations, axis, 1))


def _strided(case: Case) -> Iterator[Case]:
    """Another stride, with the same padding, or an image from which it makes as many outputs."""
    for axis, (name, count) in enumerate(zip(("height", "width"), case.output_shape[1:3])):
        strides = _at(case.strides, axis, 1)
        yield from _made(case, strides=strides)
        yield from _made(case, strides=strides, **{name: getattr(case, name) + count - 1})


def _dilated(case: Case) -> Iterator[Case]:
    for axis, (name, taps) in enumerate(zip(("height", "width"), case.kernel_size)):
        for change in (1, -1):
            dilations = _at(case.dilations, axis, change)
            yield from _made(case, dilations=dilations)
            yield from _made(case, dilations=dilations, **{name: getattr(case, name) + change * (taps - 1)})


def _resized(case: Case) -> Iterator[Case]:
    """Another image from which as many outputs come, or another kernel."""
    for axis, name in enumerate(("height", "width")):
        for change in (1, -1, 2):
            yield from _made(case, **{name: getattr(case, name) + change})
        for change in (1, -1):
            yield from _made(case, kernel_size=_at(case.kernel_size, axis, change))


def _of_other_padding(case: Case) -> Iterator[Case]:
    for word in ("SAME", "SAME_LOWER", "VALID"):
        yield from _made(case, padding=word)


def _grouped(case: Case) -> Iterator[Case]:
    """Another number of groups, with filters of the same shape."""
    for groups in (2 * case.groups, 1, 3 * case.groups):
        yield from _made(case, groups=groups, input_channels=case.filter_sizes[2] * groups)


def _exchanged(case: Case) -> Case:
    """Height and width exchanged: the same numbers of elements."""
    padding = case.padding if isinstance(case.padding, str) else case.padding[::-1]
    return replace(
        case,
        height=case.width,
        width=case.height,
        kernel_size=case.kernel_size[::-1],
        strides=case.strides[::-1],
        dilations=case.dilations[::-1],
        padding=padding,
    )


_KINDS = {
    "pads": _shifted,
    "stride": _strided,
    "dilation": _dilated,
    "stride and pads": _strided_more,
    "dilation and pads": _dilated_more,
    "sizes": _resized,
    "padding": _of_other_padding,
    "groups": _grouped,
    "axes": lambda case: iter([_exchanged(case)]),
}
