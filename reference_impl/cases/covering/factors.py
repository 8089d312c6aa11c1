"""The factors that kernels branch on, each with its levels, and the level of each factor in a case.

A factor of an axis looks at one axis alone, and is there for the height and for the width. The extent is that of the
dilated kernel. A vector has 8 numbers. Every case that is not empty has one level of each factor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..case import PADDING_MODES, Case

VECTOR = 8


@dataclass(frozen=True)
class Factor:
    """Something that kernels branch on, with the names of its levels."""

    name: str
    levels: tuple[str, ...]


_CHANNEL_LEVELS = ("1", "odd", "even", "whole vectors", "a vector less 1", "a vector and 1")
_AXIS_FACTORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("image {}", ("1", "more")),
    ("output {}", ("1", "few", "many")),
    ("kernel {}", ("1", "odd", "even", "as large as the image", "as large as the padded image")),
    ("stride along the {}", ("1", "up to the kernel", "above the kernel")),
    ("dilation along the {}", ("1", "more")),
    ("padding along the {}", ("none", "even", "uneven", "beyond the kernel")),
    ("leftover along the {}", ("none", "some")),
)
_AXES = tuple(
    tuple(Factor(name.format(axis), levels) for name, levels in _AXIS_FACTORS) for axis in ("height", "width")
)

FACTORS: tuple[Factor, ...] = (
    Factor("padding word", PADDING_MODES),
    *_AXES[0],
    *_AXES[1],
    Factor("input channels", _CHANNEL_LEVELS),
    Factor("output channels", _CHANNEL_LEVELS),
    Factor("groups", ("dense", "grouped", "depthwise", "depthwise with multiplier")),
    Factor("batch", ("1", "2", "more")),
)
"""All factors, in the order of the columns of `levels_of`."""

_AXIS_FIELDS = ("input_size", "kernel_size", "stride", "dilation", "pad_before", "pad_after")

# The columns of the factors of each part of a case. A part can be chosen without the others, but for the word.
WORD, HEIGHT, WIDTH, CHANNELS, BATCH = (0,), tuple(range(1, 8)), tuple(range(8, 15)), (15, 16, 17), (18,)


def features(case: Case) -> dict[str, str]:
    """Name of each factor -> its level in `case`.

    Raises ValueError for an empty case: the factors do not speak of it.
    """
    if is_empty(case):
        raise ValueError(f"a case must have an image and channels to have levels of factors; {case} is empty")
    return {factor.name: factor.levels[level] for factor, level in zip(FACTORS, levels_of([case])[0], strict=True)}


def levels_of(cases: Sequence[Case]) -> np.ndarray:
    """The levels of the cases that are not empty: a row for each, a column for each factor."""
    full = [case for case in cases if not is_empty(case)]
    columns = [np.array([PADDING_MODES.index(case.padding_mode) for case in full], int)[:, None]]
    for number in (0, 1):
        axes = [case.convolution.axes[number] for case in full]
        columns.append(axis_levels(*_columns(axes, _AXIS_FIELDS)))
    columns.append(channel_levels(*_columns(full, ("input_channels", "output_channels", "groups"))))
    columns.append(batch_levels(*_columns(full, ("batch",))))
    return np.concatenate(columns, axis=1).astype(np.int8)


def _columns(things: Sequence[object], fields: Sequence[str]) -> list[np.ndarray]:
    return [np.array([getattr(thing, field) for thing in things], int) for field in fields]


def is_empty(case: Case) -> bool:
    return 0 in (case.batch, case.height, case.width, case.input_channels, case.output_channels)


def axis_levels(size, kernel, stride, dilation, before, after) -> np.ndarray:
    """The levels of one axis, from arrays of equal length: a column for each factor."""
    extent = (kernel - 1) * dilation + 1
    room = size + before + after - extent
    outputs = room // stride + 1
    columns = (
        size > 1,
        np.select([outputs == 1, outputs < VECTOR], [0, 1], 2),
        np.select(
            [kernel == 1, (room == 0) & (extent > 1), (extent == size) & (extent > 1), kernel % 2 == 0], [0, 4, 3, 2], 1
        ),
        np.select([stride == 1, stride <= extent], [0, 1], 2),
        dilation > 1,
        np.select([before + after == 0, np.maximum(before, after) >= extent, before == after], [0, 3, 1], 2),
        room % stride > 0,
    )
    return np.stack([np.asarray(column, int) for column in columns], axis=1)


def channel_levels(inputs, outputs, groups) -> np.ndarray:
    """The levels of input channels, output channels and groups."""
    depthwise = (groups == inputs) & (groups > 1)
    connection = np.select([groups == 1, ~depthwise, outputs == inputs], [0, 1, 2], 3)
    return np.stack([_count_levels(inputs), _count_levels(outputs), connection], axis=1)


def batch_levels(batch) -> np.ndarray:
    return (np.minimum(batch, 3) - 1)[:, None]


def _count_levels(count) -> np.ndarray:
    rest = count % VECTOR
    return np.select([count == 1, rest == 0, rest == VECTOR - 1, rest == 1, rest % 2 == 0], [0, 3, 4, 5, 2], 1)
