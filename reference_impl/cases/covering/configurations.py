"""The small configurations of each part of a case, and the space of cases that they span.

Feasible means: some case of this space has the levels. The bounds are

    image up to 24, kernel up to 7, stride up to 9, dilation up to 3, along each axis
    pads up to the kernel's extent + 1; as many as the padding word says, or any of these if it is EXPLICIT
    channels up to 33, groups any divisor of both, batch up to 5
    at most 20,000 multiply-adds a case

Larger bounds make hardly more combinations feasible: with channels up to 65 and a batch up to 17, 37,031 of 3 factors
are feasible, not 37,027.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from ..case import PADDING_MODES
from ..generation import MOST_PRODUCTS
from .factors import BATCH, CHANNELS, FACTORS, HEIGHT, WIDTH, WORD, axis_levels, batch_levels, channel_levels
from .space import Part, Space

LARGEST_IMAGE, LARGEST_KERNEL, LARGEST_STRIDE, LARGEST_DILATION = 24, 7, 9, 3
MOST_CHANNELS, LARGEST_BATCH = 33, 5


@cache
def axes(word: str) -> tuple[np.ndarray, np.ndarray]:
    """Every configuration of an axis under a padding word, and its cost.

    The columns are image, kernel, stride, dilation, pad before, pad after. The cost is outputs * kernel.
    """
    pads = range(LARGEST_KERNEL + 2) if word == "EXPLICIT" else range(1)
    ranges = (
        range(1, LARGEST_IMAGE + 1),
        range(1, LARGEST_KERNEL + 1),
        range(1, LARGEST_STRIDE + 1),
        range(1, LARGEST_DILATION + 1),
        pads,
        pads,
    )
    # Open grids: most configurations of EXPLICIT do not fit, and are never made.
    size, kernel, stride, dilation, before, after = np.meshgrid(*ranges, indexing="ij", sparse=True)
    extent = (kernel - 1) * dilation + 1
    if word == "FULL":
        before = after = extent - 1
    elif word != "EXPLICIT" and word != "VALID":
        total = np.maximum((-(-size // stride) - 1) * stride + extent - size, 0)
        before = total // 2 if word == "SAME" else total - total // 2
        after = total - before
    room = size + before + after - extent
    fits = (stride > 0) & (room >= 0) & ((word != "EXPLICIT") | (np.maximum(before, after) <= extent + 1))
    columns = (size, kernel, stride, dilation, before, after, room)
    *found, left = (np.broadcast_to(column, fits.shape)[fits] for column in columns)
    return np.stack(found, axis=1), (left // found[2] + 1) * found[1]


@cache
def channels() -> tuple[np.ndarray, np.ndarray]:
    """Every (input channels, output channels, groups), and its cost."""
    found = [
        (i, o, g)
        for i in range(1, MOST_CHANNELS + 1)
        for o in range(1, MOST_CHANNELS + 1)
        for g in range(1, i + 1)
        if i % g == o % g == 0
    ]
    table = np.array(found)
    return table, table[:, 0] // table[:, 2] * table[:, 1]


@cache
def space() -> Space:
    """All cases within the bounds, by their levels."""
    batch = np.arange(1, LARGEST_BATCH + 1)
    batches = _alone(Part.of(BATCH, batch_levels(batch), batch))
    table, costs = channels()
    connected = _alone(Part.of(CHANNELS, channel_levels(*table.T), costs))
    branches = []
    for number, word in enumerate(PADDING_MODES):
        table, costs = axes(word)
        levels, shapes = axis_levels(*table.T), table[:, 0] * (LARGEST_KERNEL + 1) + table[:, 1]
        height = Part.of(HEIGHT, levels, costs, shapes)
        width = replace(height, columns=WIDTH, _cheapest={})
        which = Part(WORD, np.array([[number]]), np.ones(1), (frozenset([0]),))
        branches.append((which, height, width, connected, batches))
    return Space(tuple(len(factor.levels) for factor in FACTORS), tuple(branches), MOST_PRODUCTS)


def _alone(part: Part) -> Part:
    """The part, each row with a shape of its own."""
    return replace(part, shapes=tuple(frozenset([row]) for row in range(len(part.rows))))
