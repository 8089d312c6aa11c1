"""Mistakes in sums: averages, terms or places left out or added twice, buffers not cleared."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from . import right
from .altered_call import AlteredCall
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Answerer, Family

FAMILY = Family("sums")
mistake = FAMILY.mistake

ALL = slice(None)
BORDER = np.array([0, -1])


def _divided(answer: np.ndarray, count: Any) -> np.ndarray:
    count = np.maximum(count, 1)
    return answer // count if answer.dtype.kind == "i" else answer / count


@mistake(
    "The filter gradient is averaged over the batch.",
    right.SUM,
    FILTER_GRADIENT,
    ("https://github.com/sebgao/cTensor/issues/3",),
)
def mean_over_batch(q: AlteredCall) -> np.ndarray:
    return _divided(q.answer(), q.batch)


@mistake(
    "The filter gradient is averaged over all positions of all images.",
    right.SUM,
    FILTER_GRADIENT,
    ("https://github.com/sebgao/cTensor/issues/3",),
)
def mean_over_positions(q: AlteredCall) -> np.ndarray:
    return _divided(q.answer(), prod(q.shape("output")[:3]))


@mistake("The input gradient is averaged over the filters.", right.SUM, INPUT_GRADIENTS)
def mean_over_filters(q: AlteredCall) -> np.ndarray:
    return _divided(q.answer(), q.output_channels // q.groups)


@mistake("The output is averaged over the taps, as in pooling.", right.SUM, FORWARD)
def mean_over_taps(q: AlteredCall) -> np.ndarray:
    return _divided(q.answer(), prod(q.shape("filters")[:2]))


@mistake("The output is averaged over the input channels.", right.SUM, FORWARD)
def mean_over_channels(q: AlteredCall) -> np.ndarray:
    return _divided(q.answer(), q.input_channels // q.groups)


def _taps(q: AlteredCall) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, for each tap, the part of the input gradient that it adds, and a (rows, columns) mask of its places."""
    for tap_of_axes in np.ndindex(*q.shape("filters")[:2]):

        def only(array: np.ndarray, place: tuple[int, ...] = tap_of_axes) -> np.ndarray:
            kept = np.zeros_like(array)
            kept[place] = array[place]
            return kept

        reached = []
        for axis, tap in zip(q.slides, tap_of_axes, strict=True):
            positions = np.arange(axis.output) * axis.stride + tap * axis.dilation - axis.before
            reached.append(np.isin(np.arange(axis.input), positions))
        yield q.through("filters", only), np.logical_and.outer(*reached)


@mistake("Where windows overlap, the input gradient is averaged.", right.INPUT_SUM, INPUT_GRADIENTS)
def overlaps_averaged(q: AlteredCall) -> np.ndarray:
    count = sum(where.astype(np.int64) for _, where in _taps(q))
    return _divided(q.answer(), np.asarray(count)[:, :, None])


@mistake(
    "Where windows overlap, the input gradient keeps what was written last (= for +=).",
    right.INPUT_SUM,
    INPUT_GRADIENTS,
)
def overlaps_overwritten(q: AlteredCall) -> np.ndarray:
    answer = np.zeros_like(q.answer())
    for added, where in _taps(q):
        answer[:, where] = added[:, where]
    return answer


def _left_out(name: str, what: str, role: str, *index: Any) -> None:
    """Add a mistake that leaves out part of a role; if the role is the answer's, that part is zero."""

    def wrong(q: AlteredCall) -> np.ndarray:
        return q.without(role, *index)

    mistake(f"{what} is left out.", right.EACH_ONCE, name=name)(wrong)


@mistake("Only the first image of the batch counts.", right.EACH_ONCE)
def first_image_only(q: AlteredCall) -> np.ndarray:
    return q.without("output", slice(1, None))


_left_out("last-image-dropped", "The last image of the batch", "output", slice(-1, None))
_left_out("first-tap-dropped", "The kernel's first tap", "filters", 0, 0)
_left_out("last-tap-dropped", "The kernel's last tap", "filters", -1, -1)
_left_out("last-kernel-row-dropped", "The kernel's last row", "filters", -1)
_left_out("last-kernel-column-dropped", "The kernel's last column", "filters", ALL, -1)
_left_out("first-input-channel-dropped", "The first input channel", "input", ..., slice(0, 1))
_left_out("last-input-channel-dropped", "The last input channel", "input", ..., slice(-1, None))
_left_out("first-output-channel-dropped", "The first output channel", "output", ..., slice(0, 1))
_left_out("last-output-channel-dropped", "The last output channel", "output", ..., slice(-1, None))
_left_out("last-output-row-dropped", "The output's last row", "output", ALL, -1)
_left_out("last-output-column-dropped", "The output's last column", "output", ALL, ALL, -1)
_left_out("last-image-row-dropped", "The image's last row", "input", ALL, -1)
_left_out("last-image-column-dropped", "The image's last column", "input", ALL, ALL, -1)


@mistake("The border of the output is left out.", right.EACH_ONCE)
def output_border_dropped(q: AlteredCall) -> np.ndarray:
    def without_border(array: np.ndarray) -> np.ndarray:
        inner = np.zeros_like(array)
        inner[:, 1:-1, 1:-1] = array[:, 1:-1, 1:-1]
        return inner

    return q.through("output", without_border)


@mistake("All groups but the first are left out.", right.EACH_ONCE)
def first_group_only(q: AlteredCall) -> np.ndarray:
    return q.without("output", ..., slice(q.output_channels // q.groups, None))


@mistake("The kernel's first tap is added twice.", right.EACH_ONCE)
def first_tap_twice(q: AlteredCall) -> np.ndarray:
    return q.weighted("filters", 2, 0, 0)


@mistake("The output's last row is added twice.", right.EACH_ONCE)
def last_output_row_twice(q: AlteredCall) -> np.ndarray:
    return q.weighted("output", 2, ALL, -1)


@mistake("Images are taken in pairs, and the last image of an odd batch is left out.", right.EACH_ONCE)
def odd_image_dropped(q: AlteredCall) -> np.ndarray:
    return q.without("output", slice(q.batch // 2 * 2, None)) if q.batch > 1 else q.answer()


@mistake("Input channels from the 512th on, the second part of a split sum, are left out.", right.EACH_ONCE)
def second_part_of_a_split_sum_dropped(q: AlteredCall) -> np.ndarray:
    return q.without("input", ..., slice(512, None))


_BLOCKED = {"input channel": ("input", 3), "output channel": ("output", 3), "output column": ("output", 2)}


def _blocks(what: str, size: int) -> None:
    """Add two mistakes of a loop in blocks: it skips the last place of each block, or the rest after whole blocks."""
    role, axis = _BLOCKED[what]

    def every(q: AlteredCall) -> np.ndarray:
        return q.without(role, *[ALL] * axis, slice(size - 1, None, size))

    def remainder(q: AlteredCall) -> np.ndarray:
        whole = q.shape(role)[axis] // size * size
        return q.without(role, *[ALL] * axis, slice(whole, None)) if whole else q.answer()

    name, ordinal = what.replace(" ", "-"), {8: "8th", 16: "16th", 32: "32nd"}[size]
    mistake(f"Every {ordinal} {what} is left out.", right.EACH_ONCE, name=f"every-{ordinal}-{name}-dropped")(every)
    mistake(
        f"After whole blocks of {size} {what}s the rest is left out.",
        right.EACH_ONCE,
        name=f"remainder-after-{size}-{name}s-dropped",
    )(remainder)


for _size in (8, 16, 32):
    for _what in _BLOCKED:
        _blocks(_what, _size)


@FAMILY.behaviour(
    "The sum is added to what the last call of that shape left in the buffer.",
    "TensorFlow and this oracle start from zero.",
)
def buffer_not_cleared() -> Answerer:
    buffers: dict[Any, np.ndarray] = {}

    def answer(q: AlteredCall) -> np.ndarray:
        found = q.cast(q.answer())
        key = q.operation, found.shape, found.dtype
        buffers[key] = buffers.get(key, np.zeros_like(found)) + found
        return buffers[key].copy()

    return answer


@mistake(
    "The result's last row is not written, and holds what was in that memory.",
    "TensorFlow and this oracle write the whole result.",
)
def last_row_not_written(q: AlteredCall) -> np.ndarray:
    answer = q.answer()
    axis = 0 if q.asked == "filters" else 1
    left = np.resize(q.arrays["filters" if q.asked != "filters" else "input"], answer.shape)
    last = (ALL,) * axis + (-1,)
    answer[last] = left[last]
    return answer


@mistake("Sums of nothing (no channels, no images) are not written, and hold what was in that memory.", right.EMPTY_SUM)
def empty_sum_not_written(q: AlteredCall) -> np.ndarray:
    summed = {"output": q.input_channels, "input": q.output_channels, "filters": q.batch}[q.asked]
    return q.answer() if summed else np.ones(q.shape(q.asked), np.int64)
