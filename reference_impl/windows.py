"""The windows of the input as matrices, a block at a time: `unfold`, its adjoint `fold`, and the blocks.

Nothing large is held: `unfold` fills a block of zeros from the input, and the zeros that remain are the padding. Planes
are copied from a part of the input that was padded before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from threading import Thread

import numpy as np

from .geometry import Box, Convolution

# Scratch memory is one block of filters and one of windows, each with its product. Together they stay under 64 MiB as
# long as one window takes at most 20 MiB. Beyond that they are three windows: no window is cut.
FILTER_BLOCK_BYTES = 20 << 20
WINDOW_BLOCK_BYTES = 4 << 20
# A product reads all filters once a block, which takes long if these are many and the windows of a block are few. So
# blocks of wide windows are larger: up to so many windows, in up to so many bytes.
FEW_WINDOWS = 1024
WIDE_BLOCK_BYTES = 14 << 20
# Windows go by kernel rows from so many elements of the windows of an image on.
ROW_ELEMENTS = 1 << 16
# Few channels are slow to copy, as only they lie together in memory. So up to so many channels a group, windows are
# copied by planes, that is by rows of positions of one channel. That takes a padded copy of the input which the windows
# read. It pays from so many taps on: those of all groups and windows of a block, in an image. The windows of a group
# must have so many times the pixels of the copy, too.
PLANE_CHANNELS = 7
PLANE_ELEMENTS = 4096
PLANE_GAIN = 2
# Filters are flipped from so many output positions per output channel of a group on.
FLIP_POSITIONS = 4
# Many narrow groups go by threads, from so many elements of all windows on. A thread takes some groups at once, and so
# few windows that BLAS takes no thread of its own for a product (OpenBLAS, up to so many multiply-adds).
FEW_GROUPS = 16  # these go by no threads
MOST_THREADS = 4
THREAD_ELEMENTS = 1 << 19
GROUPS_AT_ONCE = 8
BLAS_PRODUCTS = 1 << 18
FEWEST_WINDOWS = 16
# In threads, planes of more channels pay. A group reads few channels of each pixel, so more groups are taken at once. A
# block of them stays near the second cache.
GROUP_PLANE_CHANNELS = 8
PLANE_GROUPS_AT_ONCE = 16
PLANE_BLOCK_BYTES = 1280 << 10  # of so many groups

Channels = tuple[range, range]  # groups, output channels of each
Block = tuple[range, range, range, range]  # groups, images, output rows, output columns


def unfold(input: np.ndarray, convolution: Convolution, block: Block, dtype: np.dtype) -> np.ndarray:
    """Return the windows of a block of output positions, as (groups, N, rows, columns, taps * channels) of `dtype`.

    By kernel rows, they are the windows of one kernel row, for each row of the padded input that the block reads.
    """
    convolution, block = _to_copy(convolution, block)
    groups, images, rows, columns = block
    source = _split_channels(input[images.start : images.stop], convolution, groups)
    if convolution.is_pointwise:  # the windows are the input's own elements: spare the copy
        ((_, position),) = convolution.taps(rows, columns)
        return source[position].astype(dtype, copy=False)
    box = _box_of_planes(convolution, block)
    shape = _windows_shape(convolution, block)
    if box is None:
        windows = np.zeros(shape, dtype)
    else:  # the input is padded first: then each element of the windows is copied
        windows = _array(np.empty, shape, dtype, planes=True)
        padded, inside, position = _padded(convolution, block, box, dtype)
        inside[...] = source[position]
        source, convolution = padded, convolution.padded
    for window, position in convolution.taps(rows, columns, box):
        windows[window] = source[position]
    return windows.reshape(*shape[:4], convolution.window_size)


def fold(windows: np.ndarray, convolution: Convolution, block: Block, input: np.ndarray) -> None:
    """Add each element of `windows` to the place in `input` from which `unfold` reads it: the adjoint of `unfold`."""
    convolution, block = _to_copy(convolution, block)
    groups, images, rows, columns = block
    target = source = _split_channels(input[images.start : images.stop], convolution, groups)
    windows = windows.reshape(_windows_shape(convolution, block))
    box = _box_of_planes(convolution, block)
    if box is not None:
        target, inside, inside_position = _padded(convolution, block, box, input.dtype)
        convolution = convolution.padded
    for window, position in convolution.taps(rows, columns, box):
        place = target[position]
        place += windows[window]
    if box is not None:
        place = np.moveaxis(source[inside_position], 0, -2)  # groups beside channels, as in the input: longer rows
        place += np.moveaxis(inside, 0, -2)


def _padded(
    convolution: Convolution, block: Block, box: Box, dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray, tuple[slice, ...]]:
    """Make zeros for a box of the padded input. Return them, their part that is input, and its place in the input."""
    groups, images, _, _ = block
    planes = _array(
        np.zeros, (len(groups), len(images), *map(len, box), convolution.filter_sizes[2]), dtype, planes=True
    )
    ((window, position),) = convolution.pad.taps(*box)
    return planes, planes[window[:4]], position


def parts(convolution: Convolution, block: Block) -> list[tuple[slice, slice]]:
    """Return the parts of a matrix product: the taps * channels of each, and the rows of the windows.

    By kernel rows, each of them is a part. Whole windows are one part.
    """
    if not goes_by_kernel_rows(convolution):
        return [(slice(None), slice(None))]
    height, rows, size = convolution.along_height, block[2], convolution.along_width.window_size
    start = height.reach(rows).start
    taps = range(height.kernel_size)
    return [(slice(tap * size, (tap + 1) * size), height.reads(tap, rows, start)[1]) for tap in taps]


def goes_by_kernel_rows(convolution: Convolution) -> bool:
    """True if the windows of one kernel row are copied, and each kernel row is a matrix product on some rows of them.

    Windows that overlap along the height hold mostly the same, so that this copies less. Few windows do not repay it.
    Nor do few channels, except in many groups whose output is no wider.
    """
    height, (_, rows, columns, _) = convolution.height, convolution.output_shape
    if not height.stride == height.dilation == 1 < height.kernel_size:
        return False
    wider = convolution.output_channels > convolution.input_channels
    if _has_planes(convolution) and (wider or not goes_by_threads(convolution)):
        return False
    return rows * columns * convolution.window_size * convolution.groups >= ROW_ELEMENTS


def _to_copy(convolution: Convolution, block: Block) -> tuple[Convolution, Block]:
    """Return the convolution and the block whose windows are copied. By kernel rows, these go along the width alone."""
    if not goes_by_kernel_rows(convolution):
        return convolution, block
    groups, images, rows, columns = block
    return convolution.along_width, (groups, images, convolution.along_height.reach(rows), columns)


def matrix_of(windows: np.ndarray, rows: slice) -> np.ndarray:
    """Return some rows of the windows as (groups, positions, taps * channels)."""
    part = windows[:, :, rows]
    return part.reshape(len(part), math.prod(part.shape[1:4]), part.shape[4])


def add_product(left: np.ndarray, right: np.ndarray, place: np.ndarray, *, first: bool) -> None:
    """Add left @ right to `place`. The first product is written there."""
    if first:
        np.matmul(left, right, out=place, casting="unsafe")  # float64 holds the integers of an int64 `place`
    else:
        product = np.empty_like(place, left.dtype)  # in memory, its axes have the order of those of `place`
        np.add(place, np.matmul(left, right, out=product), out=place, casting="unsafe")


def sums_like(windows: np.ndarray, place: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Make an array of the shape of `place`. In memory, its positions lie as those of the windows do."""
    groups, positions, channels = place.shape
    if windows.strides[4] > windows.strides[3]:  # planes
        return np.empty((groups, channels, positions), dtype).transpose(0, 2, 1)
    return np.empty(place.shape, dtype)


def is_one_product(convolution: Convolution) -> bool:
    """True if the windows are all pixels of the input, and fit a block as their product does: nothing is divided."""
    inputs, outputs, pixels = convolution.input_channels, convolution.output_channels, convolution.output_shape[:3]
    if convolution.groups > 1 or not convolution.is_pointwise or convolution.input_sizes[:3] != pixels:
        return False
    windows_fit = 8 * math.prod(pixels) * max(inputs, outputs) <= WINDOW_BLOCK_BYTES
    return windows_fit and 8 * inputs * outputs <= FILTER_BLOCK_BYTES


def pixels(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array of four axes as a matrix of `dtype`, whose columns are the last one."""
    return array.reshape(math.prod(array.shape[:3]), array.shape[3]).astype(dtype, copy=False)


def windows_of(output: np.ndarray, filters: np.ndarray, convolution: Convolution, block: Block) -> np.ndarray:
    """Return output (groups, positions, channels) @ filters^T: the windows that `fold` takes."""
    transposed, copied = filters.transpose(0, 2, 1), _to_copy(convolution, block)
    shape, planes = _windows_shape(*copied), _box_of_planes(*copied) is not None
    if goes_by_kernel_rows(convolution):
        windows = _array(np.zeros, shape, output.dtype, planes=planes)
        for taps, rows in parts(convolution, block):
            place = windows[:, :, rows]
            place += _product(output, transposed[..., taps], place.shape, planes=planes)
        return windows
    return _product(output, transposed, shape, planes=planes)


def _product(left: np.ndarray, right: np.ndarray, shape: Sequence[int], *, planes: bool) -> np.ndarray:
    """Return left @ right as windows of this shape."""
    windows = _array(np.empty, shape, left.dtype, planes=planes)
    np.matmul(left, right, out=windows.reshape(*left.shape[:2], right.shape[2]))
    return windows


def _box_of_planes(convolution: Convolution, block: Block) -> Box | None:
    """Return the box of the padded input that a block reads, if windows are copied by planes; None if by channels."""
    groups, _, rows, columns = block
    elements = len(rows) * len(columns) * math.prod(convolution.kernel_size)
    if not _has_planes(convolution) or len(groups) * elements < PLANE_ELEMENTS:
        return None
    box = convolution.height.padded.reach(rows), convolution.width.padded.reach(columns)
    return box if PLANE_GAIN * math.prod(map(len, box)) <= elements else None


def _has_planes(convolution: Convolution) -> bool:
    most = GROUP_PLANE_CHANNELS if goes_by_threads(convolution) else PLANE_CHANNELS
    return convolution.filter_sizes[2] <= most and not convolution.is_pointwise


def _array(make: Callable[..., np.ndarray], shape: Sequence[int], dtype: np.dtype, *, planes: bool) -> np.ndarray:
    """Make an array (groups, N, rows, columns, ...). In memory, `planes` have rows and columns last."""
    if not planes:
        return make(shape, dtype)
    last = len(shape) - 3
    return make((shape[0], *shape[4:], *shape[1:4]), dtype).transpose(0, last, last + 1, last + 2, *range(1, last))


def _windows_shape(convolution: Convolution, block: Block) -> tuple[int, ...]:
    return *map(len, block), *convolution.filter_sizes[:3]


def for_channels(work: Callable[[Channels], None], convolution: Convolution) -> None:
    """Do `work` on each of the channel blocks. Threads share them by their groups, if these are many and narrow."""
    blocks = list(channel_blocks(convolution))
    threads = _threads() if goes_by_threads(convolution) else 1
    at_once = _groups_at_once(convolution)
    failures = []

    def share(number: int) -> None:
        try:
            for groups, channels in blocks:
                if groups.start // at_once % threads == number:
                    work((groups, channels))
        except BaseException as failure:
            failures.append(failure)

    others = [Thread(target=np.errstate(all="ignore")(share), args=[number]) for number in range(1, threads)]
    for thread in others:
        thread.start()
    share(0)
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]


def _threads() -> int:
    return min(processors(), MOST_THREADS)


def _groups_at_once(convolution: Convolution) -> int:
    """Return how many groups are taken at once: all of them on one thread."""
    if not goes_by_threads(convolution):
        return convolution.groups
    if not _has_planes(convolution):
        return GROUPS_AT_ONCE
    return min(PLANE_GROUPS_AT_ONCE, -(-convolution.groups // _threads()))


def goes_by_threads(convolution: Convolution) -> bool:
    """True if there are many narrow groups: BLAS takes one thread for a product as small as theirs."""
    if convolution.groups <= FEW_GROUPS:
        return False
    of_window = convolution.window_size * (convolution.output_channels // convolution.groups)
    elements = math.prod(convolution.output_shape[:3]) * convolution.window_size * convolution.groups
    return FEWEST_WINDOWS * of_window <= BLAS_PRODUCTS and elements >= THREAD_ELEMENTS


def goes_by_reverse(convolution: Convolution) -> bool:
    """True if the input gradient is a convolution with flipped filters, where there is one: see `Convolution.reverse`.

    Windows of the cotangent are copied then. `fold` adds windows of the input, which takes longer. Many narrow groups
    always gain. Other layers gain if the cotangent has no more channels than the input. They need many positions, which
    repay the flipped copy of the filters. That copy must fit a block.
    """
    if 8 * math.prod(convolution.filter_sizes) > FILTER_BLOCK_BYTES:
        return False
    if goes_by_threads(convolution):
        return True
    inputs, outputs, positions = convolution.input_channels, convolution.output_channels, convolution.output_shape[:3]
    repaid = math.prod(positions) >= FLIP_POSITIONS * outputs // convolution.groups
    return outputs <= inputs and repaid and goes_by_kernel_rows(convolution)


def processors() -> int:
    """Return the number of threads that NumPy's BLAS takes by itself."""
    said = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS", "")
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(int(said), 1), there) if said.isdecimal() else there


def channel_blocks(convolution: Convolution) -> Iterator[Channels]:
    """Yield groups and the output channels of each, in blocks whose filters fit FILTER_BLOCK_BYTES."""
    for groups in _ranges(convolution.groups, _groups_at_once(convolution)):
        column_bytes = 8 * len(groups) * convolution.window_size
        step = FILTER_BLOCK_BYTES // max(column_bytes, 1)
        for channels in _ranges(convolution.output_channels // convolution.groups, step):
            yield groups, channels


def position_blocks(convolution: Convolution, block: Channels) -> Iterator[Block]:
    """Yield boxes of output positions whose windows and products each fit the bytes of a block."""
    groups, channels = block
    if not goes_by_threads(convolution):
        room = WINDOW_BLOCK_BYTES // (8 * len(groups) * max(convolution.window_size, len(channels), 1))
        return boxes(convolution, groups, max(room, _few_windows(convolution, block, room)))
    size = (convolution.along_width if goes_by_kernel_rows(convolution) else convolution).window_size
    bytes_of_group, room = 8 * max(size, len(channels), 1), BLAS_PRODUCTS // max(size * len(channels), 1)
    if _has_planes(convolution):  # one image: between its rows, planes have no gaps
        of_image = math.prod(convolution.output_shape[1:3])
        room = min(room, of_image, PLANE_BLOCK_BYTES // (PLANE_GROUPS_AT_ONCE * bytes_of_group))
    else:
        room = min(room, WINDOW_BLOCK_BYTES // (len(groups) * bytes_of_group))
    return boxes(convolution, groups, room)


def _few_windows(convolution: Convolution, block: Channels, room: int) -> int:
    """Return how many windows fit WIDE_BLOCK_BYTES, as their products must: FEW_WINDOWS, half as many, and so on.

    Return `room` where that is as many or more.
    """
    groups, channels = block
    few = min(FEW_WINDOWS, math.prod(convolution.output_shape[:3]))
    while few > room:
        windows = math.prod(_windows_shape(*_to_copy(convolution, next(boxes(convolution, groups, few)))))
        if 8 * max(windows, few * len(groups) * len(channels)) <= WIDE_BLOCK_BYTES:
            return few
        few //= 2
    return room


def boxes(convolution: Convolution, groups: range, room: int) -> Iterator[Block]:
    """Yield boxes of at most `room` output positions, and of at least one."""
    batch, height, width, _ = convolution.output_shape
    for images in _ranges(batch, room // max(height * width, 1)):
        for rows in _ranges(height, room // max(width, 1)):
            for columns in _ranges(width, room):
                yield groups, images, rows, columns


def _ranges(stop: int, step: int) -> list[range]:
    """Return ranges of `step` numbers, at least 1, that together go from 0 to `stop`."""
    if 0 < stop <= step:  # mostly
        return [range(stop)]
    step = max(step, 1)
    return [range(start, min(start + step, stop)) for start in range(0, stop, step)]


def output_rows(
    output: np.ndarray, convolution: Convolution, block: Block, channels: Channels, dtype: np.dtype
) -> np.ndarray:
    """Return a block of `output` (N, H', W', O) as matrices (groups, positions, channels): a view, if it has `dtype`.

    A block has more than one row only if it has whole rows, and more than one image only if it has whole images.
    """
    _, images, rows, columns = block
    box = channel_box(cut(output, images, rows, columns), convolution, channels)
    return box.reshape(len(box), math.prod(box.shape[1:4]), box.shape[4]).astype(dtype, copy=False)


def filter_block(filters: np.ndarray, convolution: Convolution, channels: Channels, dtype: np.dtype) -> np.ndarray:
    """Return filters (kh, kw, I / groups, O) as matrices (groups, taps * channels, output channels) of `dtype`."""
    box = channel_box(filters, convolution, channels)
    return box.reshape(len(box), convolution.window_size, box.shape[-1]).astype(dtype, copy=False)


def cut(array: np.ndarray, images: range, rows: range, columns: range) -> np.ndarray:
    """Return a view of a box of positions."""
    return array[images.start : images.stop, rows.start : rows.stop, columns.start : columns.stop]


def channel_box(array: np.ndarray, convolution: Convolution, block: Channels) -> np.ndarray:
    """Return a view of some output channels of some groups, as (groups, ..., channels). They are the last axis."""
    groups, channels = block
    return _split_channels(array, convolution, groups)[..., channels.start : channels.stop]


def _split_channels(array: np.ndarray, convolution: Convolution, groups: range) -> np.ndarray:
    """Return a view of `array` whose last axis is cut into its groups. Some of the groups are its first axis."""
    if convolution.groups == 1:
        return array[np.newaxis]
    split = array.reshape(*array.shape[:-1], convolution.groups, array.shape[-1] // convolution.groups)
    return split.transpose(array.ndim - 1, *range(array.ndim - 1), array.ndim)[groups.start : groups.stop]
