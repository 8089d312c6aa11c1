"""Named values of the sizes and options: thresholds of kernels are values, and no levels of factors.

All pairs of these values are to be covered. Feasible means: a case of named values alone has both, within 20,000
multiply-adds. Under a padding word the pads follow from the word, and are no values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..case import PADDING_MODES, Case
from ..generation import MOST_PRODUCTS
from .space import Part, Space

_SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)
_KERNELS = tuple(range(1, 13))
_STRIDES = tuple(range(1, 9))
_DILATIONS = (1, 2, 3, 4)
_PADS = (0, 1, 2, 3, 5, 8)
_CHANNELS = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 96)
_GROUPS = (1, 2, 3, 4, 8, 16, 32)
_BATCHES = (1, 2, 3, 4, 8, 9, 16, 17, 32, 33)
_BY_WORD = -1  # stands for a pad that follows from the padding word

_AXIS = {
    "image {}": _SIZES,
    "kernel {}": _KERNELS,
    "stride along the {}": _STRIDES,
    "dilation along the {}": _DILATIONS,
    "padding before along the {}": (*_PADS, _BY_WORD),
    "padding after along the {}": (*_PADS, _BY_WORD),
}
VALUES: dict[str, tuple[int, ...]] = {
    "padding word": tuple(range(len(PADDING_MODES))),
    **{name.format(axis): values for axis in ("height", "width") for name, values in _AXIS.items()},
    "input channels": _CHANNELS,
    "output channels": _CHANNELS,
    "groups": _GROUPS,
    "batch": _BATCHES,
}
"""Each size and option, with its named values, in the order of the columns of `levels_of`."""

_WORD, _HEIGHT, _WIDTH, _CONNECTION, _BATCH = (0,), tuple(range(1, 7)), tuple(range(7, 13)), (13, 14, 15), (16,)


def levels_of(cases: Sequence[Case]) -> np.ndarray:
    """The position of each value of each case among the named ones; -1 for a value that is not named."""
    found = []
    for case in cases:
        row = [PADDING_MODES.index(case.padding_mode)]
        for axis in case.convolution.axes:
            explicit = case.padding_mode == "EXPLICIT"
            pads = (axis.pad_before, axis.pad_after) if explicit else (_BY_WORD, _BY_WORD)
            row += [axis.input_size, axis.kernel_size, axis.stride, axis.dilation, *pads]
        row += [case.input_channels, case.output_channels, case.groups, case.batch]
        found.append([named.index(value) if value in named else -1 for value, named in zip(row, VALUES.values())])
    return np.array(found, np.int16).reshape(-1, len(VALUES))


def case_of(levels: np.ndarray) -> Case:
    """The case of a row of levels."""
    row = [named[level] for level, named in zip(levels.tolist(), VALUES.values(), strict=True)]
    word = PADDING_MODES[row[0]]
    (h, kh, sh, dh, top, bottom), (w, kw, sw, dw, left, right) = row[1:7], row[7:13]
    padding = ((top, bottom), (left, right)) if word == "EXPLICIT" else word
    return Case(row[16], h, w, row[13], (kh, kw), row[14], (sh, sw), (dh, dw), row[15], padding)


@cache
def space() -> Space:
    """All cases of named values, with at most 20,000 multiply-adds."""
    named = list(VALUES.values())
    batches = Part(_BATCH, np.arange(len(_BATCHES))[:, None], np.array(_BATCHES, float))
    levels, inputs, outputs, groups = _product([named[column] for column in _CONNECTION])
    divides = (inputs % groups == 0) & (outputs % groups == 0)
    connections = Part(_CONNECTION, levels[divides], (inputs // groups * outputs)[divides].astype(float))
    branches = []
    for number, word in enumerate(PADDING_MODES):
        levels, costs = _axis(word)
        which = Part(_WORD, np.array([[number]]), np.ones(1))
        height, width = Part(_HEIGHT, levels, costs), Part(_WIDTH, levels, costs)
        branches.append((which, height, width, connections, batches))
    return Space(tuple(map(len, named)), tuple(branches), MOST_PRODUCTS)


def _axis(word: str) -> tuple[np.ndarray, np.ndarray]:
    """The levels and costs of every axis of named values under a padding word."""
    explicit = word == "EXPLICIT"
    pads = _PADS if explicit else (_BY_WORD,)
    levels, size, kernel, stride, dilation, before, after = _product(
        [_SIZES, _KERNELS, _STRIDES, _DILATIONS, pads, pads]
    )
    extent = (kernel - 1) * dilation + 1
    if not explicit:
        levels[:, 4:] = len(_PADS)
        before, after = np.zeros_like(size), np.zeros_like(size)
    room = size + before + after - extent
    if word == "FULL":
        room = size + extent - 2
    outputs = room // stride + 1
    if word in ("SAME", "SAME_LOWER"):
        room, outputs = np.zeros_like(size), -(-size // stride)
    return levels[room >= 0], (outputs * kernel)[room >= 0].astype(float)


def _product(named: Sequence[Sequence[int]]) -> tuple[np.ndarray, ...]:
    """The levels of all combinations of these values, as rows, and the values of each column."""
    levels = np.stack(np.meshgrid(*map(range, map(len, named)), indexing="ij"), -1).reshape(-1, len(named))
    return (levels, *(np.array(values)[levels[:, column]] for column, values in enumerate(named)))
