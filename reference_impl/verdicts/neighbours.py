"""Neighbours of a case: calls that a cache with too few keys takes for the same one."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ..cases.case import Case
from ..cases.variations import made
from ..geometry import Axis
from .call import array_shapes

_SAME = ("SAME", "SAME_LOWER")


@lru_cache(256)  # dozens of cases are made and dropped for each that is found
def neighbours(case: Case, operation: str, seed: int) -> tuple[Case, ...]:
    """Draw cases next to `case`, one of each kind that there is.

    Most have arrays of the same shapes, and another stride, dilation, padding, or size of the answer. One has height
    and width exchanged, and one has another number of groups with filters of the same shape. Two differ from each other
    in a stride alone, if no other differs so from the case.
    """
    random = np.random.default_rng([seed, zlib.crc32(f"neighbours {case} {operation}".encode())])
    found: list[Case] = []
    for kind in random.permutation(list(_KINDS)).tolist():
        of_kind = [other for other in _KINDS[kind](case) if _is_mistakable(other, case, operation)]
        most = max((_alike(other, case) for other in of_kind), default=0)
        likest = [other for other in of_kind if _alike(other, case) == most]
        if likest:
            found.append(likest[random.integers(len(likest))])
    if not any(_is_strided_alone(other, case) for other in found):
        pairs = [pair for pair in _strided_alone(case) if all(_is_small_beside(one, case, operation) for one in pair)]
        found += pairs[random.integers(len(pairs))] if pairs else ()
    return tuple(one for one in dict.fromkeys(found) if one != case)


def _alike(one: Case, other: Case) -> int:
    """Number of arrays that have the same shape in both: input, filters and output."""
    names = ("input_sizes", "filter_sizes", "output_shape")
    return sum(getattr(one, name) == getattr(other, name) for name in names)


def _is_mistakable(other: Case, case: Case, operation: str) -> bool:
    if other == case or not _is_small_beside(other, case, operation):
        return False
    one, two = (array_shapes(each, operation) for each in (other, case))
    return one == two or other.groups != case.groups or other == _exchanged(case)


def _is_small_beside(other: Case, case: Case, operation: str) -> bool:
    """True if the other case has elements, and few more than the case."""
    one, two = (sum(map(math.prod, array_shapes(each, operation).values())) for each in (other, case))
    return 0 not in (*other.input_sizes, *other.filter_sizes) and one <= 4 * two + 1000


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
    yield from made(case, padding=tuple(map(tuple, pads)), **changes)


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
        if count > 1:  # one window lies where it lies, whatever the stride
            strides = _at(case.strides, axis, 1)
            yield from made(case, strides=strides)
            yield from made(case, strides=strides, **{name: getattr(case, name) + count - 1})


def _strided_alone(case: Case) -> Iterator[tuple[Case, Case]]:
    """Yield pairs of cases with two windows along an axis, and another stride there; all else is the same.

    A plan that is kept by all but the stride, and by the size of the answer, fits both.
    """
    for axis, name in enumerate(("height", "width")):
        stride, extent = max(case.strides[axis], 2), case.convolution.axes[axis].kernel_extent
        size = stride + 2 if case.padding in _SAME else extent + stride + 1 - sum(_pads(case)[axis])
        steps = (stride - case.strides[axis], stride + 1 - case.strides[axis])
        both = [one for step in steps for one in made(case, **{name: size}, strides=_at(case.strides, axis, step))]
        if len(both) != 2 or both[0].output_shape != both[1].output_shape:
            continue
        if any(_reads_the_image_again(one.convolution.axes[axis]) for one in both):
            yield both[0], both[1]


def _reads_the_image_again(axis: Axis) -> bool:
    """True if the second window reads some of the image, not padding alone."""
    taps = range(axis.stride - axis.pad_before, axis.stride - axis.pad_before + axis.kernel_extent, axis.dilation)
    return any(0 <= tap < axis.input_size for tap in taps)


def _is_strided_alone(one: Case, other: Case) -> bool:
    """True if one stride alone differs, on an axis with more than one window, and no shape."""
    if replace(one, strides=other.strides) != other or _alike(one, other) < 3:
        return False
    counts = one.output_shape[1:3]
    return any(a != b and count > 1 for a, b, count in zip(one.strides, other.strides, counts, strict=True))


def _dilated(case: Case) -> Iterator[Case]:
    for axis, (name, taps) in enumerate(zip(("height", "width"), case.kernel_size)):
        for change in (1, -1):
            dilations = _at(case.dilations, axis, change)
            yield from made(case, dilations=dilations)
            yield from made(case, dilations=dilations, **{name: getattr(case, name) + change * (taps - 1)})


def _resized(case: Case) -> Iterator[Case]:
    """Another image from which as many outputs come, or another kernel."""
    for axis, name in enumerate(("height", "width")):
        for change in (1, -1, 2):
            yield from made(case, **{name: getattr(case, name) + change})
        for change in (1, -1):
            yield from made(case, kernel_size=_at(case.kernel_size, axis, change))


def _of_other_padding(case: Case) -> Iterator[Case]:
    for word in ("SAME", "SAME_LOWER", "VALID"):
        yield from made(case, padding=word)


def _grouped(case: Case) -> Iterator[Case]:
    """Another number of groups, with filters of the same shape."""
    for groups in (2 * case.groups, 1, 3 * case.groups):
        yield from made(case, groups=groups, input_channels=case.filter_sizes[2] * groups)


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
