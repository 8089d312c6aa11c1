"""The windows of the input as matrices, a block at a time: `unfold`, its adjoint `fold`, and the blocks.

No padded copy is made and nothing large is held: `unfold` fills a block of zeros from the input, and the zeros that
remain are the padding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .geometry import Convolution

# Scratch memory is one block of filters and one of windows, each with its product. Together they stay under 64 MiB as
# long as one window takes at most 20 MiB. Beyond that they are three windows: no window is cut.
FILTER_BLOCK_BYTES = 20 << 20
WINDOW_BLOCK_BYTES = 4 << 20
# Up to so many channels a group, windows are copied plane by plane.
MOST_CHANNELS_OF_PLANES = 8
PLANES_BLOCK_BYTES = 1 << 20

Block = tuple[range, range, range]  # images, output rows, output columns


def unfold(input: np.ndarray, convolution: Convolution, block: Block, dtype: np.dtype) -> np.ndarray:
    """Return the windows of a block of output positions, as (groups, positions, taps * channels) of `dtype`."""
    images, rows, columns = block
    source = _split_channels(input[images.start : images.stop], convolution.groups)
    reach = _reach_of_planes(convolution, block)
    if convolution.is_pointwise:  # the windows are the input's own elements: spare the copy
        ((_, position),) = convolution.taps(rows, columns)
        windows = source[position].astype(dtype, copy=False)
    else:
        windows = _zeros(_windows_shape(convolution, block), dtype, planes=reach is not None)
        if reach is not None:
            source = _planes(source[reach].astype(dtype, copy=False))
        for window, position in convolution.taps(rows, columns, reach):
            windows[window] = source[position]
    return windows.reshape(convolution.groups, _positions(block), window_size(convolution))


def fold(windows: np.ndarray, convolution: Convolution, block: Block, input: np.ndarray) -> None:
    """Add each element of `windows` to the place in `input` from which `unfold` reads it: the adjoint of `unfold`."""
    images, rows, columns = block
    target = whole = _split_channels(input[images.start : images.stop], convolution.groups)
    reach = _reach_of_planes(convolution, block)
    if reach is not None:
        target = _zeros(whole[reach].shape, input.dtype, planes=True)
    windows = windows.reshape(_windows_shape(convolution, block))
    for window, position in convolution.taps(rows, columns, reach):
        place = target[position]
        place += windows[window]
    if reach is not None:
        whole[reach] += target


def outer_product(rows: np.ndarray, filters: np.ndarray, convolution: Convolution, block: Block) -> np.ndarray:
    """Return rows @ filters^T, which `fold` takes: (groups, positions, taps * channels)."""
    filters = filters.transpose(0, 2, 1)
    if _reach_of_planes(convolution, block) is None:
        return rows @ filters
    windows = _zeros(_windows_shape(convolution, block), rows.dtype, planes=True).reshape(*rows.shape[:2], -1)
    if rows.shape[2] > 1:
        return np.matmul(rows, filters, out=windows)
    return np.multiply(np.ascontiguousarray(rows), filters, out=windows)


def _reach_of_planes(convolution: Convolution, block: Block) -> tuple[slice, slice, slice, slice] | None:
    """Return the index of the part of the input that the windows read, if they are to be copied plane by plane.

    Channels lie together in memory, and few of them are a slow thing to copy. With one copy of the input in which
    positions lie together, the windows are copied row by row. That pays if the windows hold more than the copy does.
    """
    _, rows, columns = block
    if convolution.filter_sizes[2] > MOST_CHANNELS_OF_PLANES or convolution.is_pointwise:
        return None
    box = convolution.height.reach(rows), convolution.width.reach(columns)
    size = math.prod(read.stop - read.start for read in box)
    if 2 * size > math.prod(convolution.kernel_size) * len(rows) * len(columns):
        return None
    return slice(None), slice(None), *box


def _zeros(shape: tuple[int, ...], dtype: np.dtype, *, planes: bool) -> np.ndarray:
    """Return zeros of shape (groups, N, rows, columns, ...). In memory, `planes` has rows and columns last."""
    if not planes:
        return np.zeros(shape, dtype)
    zeros = np.zeros((shape[0], *shape[4:], *shape[1:4]), dtype)
    return np.moveaxis(zeros, (-3, -2, -1), (1, 2, 3))


def _planes(array: np.ndarray) -> np.ndarray:
    """Return a copy of (groups, N, rows, columns, channels) which has rows and columns last in memory."""
    return np.ascontiguousarray(array.transpose(0, 4, 1, 2, 3)).transpose(0, 2, 3, 4, 1)


def _windows_shape(convolution: Convolution, block: Block) -> tuple[int, ...]:
    return convolution.groups, *map(len, block), *convolution.filter_sizes[:3]


def channel_blocks(convolution: Convolution) -> Iterator[range]:
    """Yield the output channels of one group, in blocks whose filters, of all groups, fit FILTER_BLOCK_BYTES."""
    column_bytes = 8 * convolution.groups * window_size(convolution)
    return _ranges(convolution.output_channels // convolution.groups, FILTER_BLOCK_BYTES // max(column_bytes, 1))


def position_blocks(convolution: Convolution, channels: range) -> Iterator[Block]:
    """Yield boxes of output positions whose windows and products each fit WINDOW_BLOCK_BYTES."""
    narrow = convolution.filter_sizes[2] <= MOST_CHANNELS_OF_PLANES and not convolution.is_pointwise
    room = (PLANES_BLOCK_BYTES if narrow else WINDOW_BLOCK_BYTES) // (8 * convolution.groups * max(window_size(convolution), len(channels), 1))
    batch, height, width, _ = convolution.output_shape
    for images in _ranges(batch, room // max(height * width, 1)):
        for rows in _ranges(height, room // max(width, 1)):
            for columns in _ranges(width, room):
                yield images, rows, columns


def _ranges(stop: int, step: int) -> Iterator[range]:
    """Yield ranges of `step` numbers, at least 1, that together go from 0 to `stop`."""
    step = max(step, 1)
    for start in range(0, stop, step):
        yield range(start, min(start + step, stop))


def output_box(output: np.ndarray, convolution: Convolution, block: Block, channels: range) -> np.ndarray:
    """Return a view of a block of `output` (N, H', W', O), as (groups, images, rows, columns, channels)."""
    images, rows, columns = block
    view = output[images.start : images.stop, rows.start : rows.stop, columns.start : columns.stop]
    return channel_box(view, convolution, channels)


def output_rows(
    output: np.ndarray, convolution: Convolution, block: Block, channels: range, dtype: np.dtype
) -> np.ndarray:
    """Return a block of `output` as matrices (groups, positions, channels) of `dtype`."""
    shape = convolution.groups, _positions(block), len(channels)
    return output_box(output, convolution, block, channels).reshape(shape).astype(dtype, copy=False)


def filter_block(filters: np.ndarray, convolution: Convolution, channels: range, dtype: np.dtype) -> np.ndarray:
    """Return filters (kh, kw, I / groups, O) as matrices (groups, taps * channels, output channels) of `dtype`."""
    shape = convolution.groups, window_size(convolution), len(channels)
    return channel_box(filters, convolution, channels).reshape(shape).astype(dtype, copy=False)


def channel_box(array: np.ndarray, convolution: Convolution, channels: range) -> np.ndarray:
    """Return a view of some output channels of each group, as (groups, ..., channels). They are the last axis."""
    return _split_channels(array, convolution.groups)[..., channels.start : channels.stop]


def _split_channels(array: np.ndarray, groups: int) -> np.ndarray:
    """Return a view of `array` whose last axis is cut into `groups` blocks, with the groups as its first axis."""
    if groups == 1:
        return array[np.newaxis]
    split = array.reshape(*array.shape[:-1], groups, array.shape[-1] // groups)
    return split.transpose(array.ndim - 1, *range(array.ndim - 1), array.ndim)


def window_size(convolution: Convolution) -> int:
    """Return the number of elements in one group's window, a row of `unfold`."""
    return math.prod(convolution.filter_sizes[:3])


def _positions(block: Block) -> int:
    return math.prod(map(len, block))
