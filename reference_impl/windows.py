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

Block = tuple[range, range, range]  # images, output rows, output columns


def unfold(input: np.ndarray, convolution: Convolution, block: Block, dtype: np.dtype) -> np.ndarray:
    """Return the windows of a block of output positions, as (groups, positions, taps * channels) of `dtype`."""
    images, rows, columns = block
    source = _split_channels(input[images.start : images.stop], convolution.groups)
    if convolution.is_pointwise:  # the windows are the input's own elements: spare the copy
        ((_, position),) = convolution.taps(rows, columns)
        windows = source[position].astype(dtype, copy=False)
    else:
        windows = np.zeros((convolution.groups, *map(len, block), *convolution.kernel_size, source.shape[-1]), dtype)
        for window, position in convolution.taps(rows, columns):
            windows[window] = source[position]
    return windows.reshape(convolution.groups, _positions(block), window_size(convolution))


def fold(windows: np.ndarray, convolution: Convolution, block: Block, input: np.ndarray) -> None:
    """Add each element of `windows` to the place in `input` from which `unfold` reads it: the adjoint of `unfold`."""
    images, rows, columns = block
    target = _split_channels(input[images.start : images.stop], convolution.groups)
    windows = windows.reshape(convolution.groups, *map(len, block), *convolution.kernel_size, target.shape[-1])
    for window, position in convolution.taps(rows, columns):
        place = target[position]
        place += windows[window]


def channel_blocks(convolution: Convolution) -> Iterator[range]:
    """Yield the output channels of one group, in blocks whose filters, of all groups, fit FILTER_BLOCK_BYTES."""
    column_bytes = 8 * convolution.groups * window_size(convolution)
    return _ranges(convolution.output_channels // convolution.groups, FILTER_BLOCK_BYTES // max(column_bytes, 1))


def position_blocks(convolution: Convolution, channels: range) -> Iterator[Block]:
    """Yield boxes of output positions whose windows and products each fit WINDOW_BLOCK_BYTES."""
    room = WINDOW_BLOCK_BYTES // (8 * convolution.groups * max(window_size(convolution), len(channels), 1))
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
