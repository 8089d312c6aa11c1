"""The windows of the input as matrices, a block at a time: `unfold`, its adjoint `fold`, and the blocks.

No padded copy is made and nothing large is held: `unfold` fills a block of zeros from the input, and the zeros that
remain are the padding.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from threading import Thread

import numpy as np

from .geometry import Convolution

# Scratch memory is one block of filters and one of windows, each with its product. Together they stay under 64 MiB as
# long as one window takes at most 20 MiB. Beyond that they are three windows: no window is cut.
FILTER_BLOCK_BYTES = 20 << 20
WINDOW_BLOCK_BYTES = 4 << 20
# A product reads all filters once a block, which takes long if these are many and the windows of a block are few. So
# blocks of wide windows are larger: up to so many windows, in up to so many bytes.
FEW_WINDOWS = 256
WIDE_BLOCK_BYTES = 18 << 20
# Windows go by kernel rows from so many elements of the windows of an image on.
ROW_ELEMENTS = 1 << 16
# Few channels are slow to copy, as only they lie together in memory. So up to so many channels a group, windows are
# copied by planes, that is by rows of positions of one channel. That takes a copy of the input which the windows read.
# It pays from so many elements of the windows of an image on, if they are so many times the elements of the copy.
PLANE_CHANNELS = 7
PLANE_ELEMENTS = 4096
PLANE_GAIN = 2
# Narrow groups go by threads, from so many elements of all windows on. A thread takes some groups at once, and so few
# windows that BLAS takes no thread of its own for a product (OpenBLAS, up to so many multiply-adds).
GROUPS_AT_ONCE = 8
FEW_GROUPS = 16  # these go by no threads
MOST_THREADS = 4  # each has a block of at most WINDOW_BLOCK_BYTES
THREAD_ELEMENTS = 1 << 20
BLAS_PRODUCTS = 1 << 18
FEWEST_WINDOWS = 16

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
    reach = _reach_of_planes(convolution, block)
    windows = _array(np.zeros, _windows_shape(convolution, block), dtype, planes=reach is not None)
    if reach is not None:
        part = source[reach]
        source = _array(np.empty, part.shape, dtype, planes=True)
        source[...] = part
    for window, position in convolution.taps(rows, columns, reach):
        windows[window] = source[position]
    return windows.reshape(*windows.shape[:4], window_size(convolution))


def fold(windows: np.ndarray, convolution: Convolution, block: Block, input: np.ndarray) -> None:
    """Add each element of `windows` to the place in `input` from which `unfold` reads it: the adjoint of `unfold`."""
    convolution, block = _to_copy(convolution, block)
    groups, images, rows, columns = block
    target = source = _split_channels(input[images.start : images.stop], convolution, groups)
    reach = _reach_of_planes(convolution, block)
    if reach is not None:
        target = _array(np.zeros, source[reach].shape, input.dtype, planes=True)
    windows = windows.reshape(_windows_shape(convolution, block))
    for window, position in convolution.taps(rows, columns, reach):
        place = target[position]
        place += windows[window]
    if reach is not None:
        place = np.moveaxis(source[reach], 0, -2)  # groups beside channels, as in the input: these rows are longer
        place += np.moveaxis(target, 0, -2)


def parts(convolution: Convolution, block: Block) -> list[tuple[slice, slice]]:
    """Return the parts of a matrix product: the taps * channels of each, and the rows of the windows.

    By kernel rows, each of them is a part. Whole windows are one part.
    """
    if not goes_by_kernel_rows(convolution):
        return [(slice(None), slice(None))]
    height, rows, size = convolution.along_height, block[2], window_size(convolution.along_width)
    start = height.reach(rows).start
    taps = range(height.kernel_size)
    return [(slice(tap * size, (tap + 1) * size), height.reads(tap, rows, start)[1]) for tap in taps]


def goes_by_kernel_rows(convolution: Convolution) -> bool:
    """True if the windows of one kernel row are copied, and each kernel row is a matrix product on some rows of them.

    Windows that overlap along the height hold mostly the same, so that this copies less. Few windows do not repay it.
    Nor do few channels, except in many groups whose output is no wider.
    """
    height, (_, rows, columns, _) = convolution.height, convolution.output_shape
    wider = convolution.output_channels > convolution.input_channels
    if _has_planes(convolution) and (wider or not goes_by_threads(convolution)):
        return False
    if not height.stride == height.dilation == 1 < height.kernel_size:
        return False
    return rows * columns * window_size(convolution) * convolution.groups >= ROW_ELEMENTS


def _to_copy(convolution: Convolution, block: Block) -> tuple[Convolution, Block]:
    """Return the convolution and the block whose windows are copied. By kernel rows, these go along the width alone."""
    if not goes_by_kernel_rows(convolution):
        return convolution, block
    groups, images, rows, columns = block
    read = convolution.along_height.reach(rows)
    return convolution.along_width, (groups, images, range(read.start, read.stop), columns)


def matrix_of(windows: np.ndarray, rows: slice) -> np.ndarray:
    """Return some rows of the windows as (groups, positions, taps * channels)."""
    part = windows[:, :, rows]
    return part.reshape(len(part), math.prod(part.shape[1:4]), part.shape[4])


def add_product(left: np.ndarray, right: np.ndarray, place: np.ndarray, *, first: bool) -> None:
    """Add left @ right to `place`. The first product is written there."""
    if first:
        np.matmul(left, right, out=place, casting="unsafe")  # float64 holds the integers of an int64 `place`
    else:
        np.add(place, left @ right, out=place, casting="unsafe")


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
    shape, planes = _windows_shape(*copied), _reach_of_planes(*copied) is not None
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


def _reach_of_planes(convolution: Convolution, block: Block) -> tuple[slice, ...] | None:
    """Return the index of the input that a block reads, if it is to be copied by planes; None if by channels."""
    _, _, rows, columns = block
    elements = len(rows) * len(columns) * math.prod(convolution.kernel_size)
    if not _has_planes(convolution) or elements < PLANE_ELEMENTS:
        return None
    box = convolution.height.reach(rows), convolution.width.reach(columns)
    copied = math.prod(read.stop - read.start for read in box)
    return (slice(None), slice(None), *box) if PLANE_GAIN * copied <= elements else None


def _has_planes(convolution: Convolution) -> bool:
    return convolution.filter_sizes[2] <= PLANE_CHANNELS and not convolution.is_pointwise


def _array(make: Callable[..., np.ndarray], shape: Sequence[int], dtype: np.dtype, *, planes: bool) -> np.ndarray:
    """Make an array (groups, N, rows, columns, ...). In memory, `planes` have rows and columns last."""
    if not planes:
        return make(shape, dtype)
    return np.moveaxis(make((shape[0], *shape[4:], *shape[1:4]), dtype), (-3, -2, -1), (1, 2, 3))


def _windows_shape(convolution: Convolution, block: Block) -> tuple[int, ...]:
    return *map(len, block), *convolution.filter_sizes[:3]


def for_channels(work: Callable[[Channels], None], convolution: Convolution) -> None:
    """Do `work` on each of the channel blocks. Threads share them by their groups, if these are many and narrow."""
    blocks = list(channel_blocks(convolution))
    threads = min(processors(), MOST_THREADS) if goes_by_threads(convolution) else 1
    failures = []

    def share(number: int) -> None:
        try:
            for groups, channels in blocks:
                if groups.start // GROUPS_AT_ONCE % threads == number:
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


def goes_by_threads(convolution: Convolution) -> bool:
    """True if there are many narrow groups: BLAS takes one thread for a product as small as theirs."""
    if convolution.groups <= FEW_GROUPS:
        return False
    of_window = window_size(convolution) * (convolution.output_channels // convolution.groups)
    elements = math.prod(convolution.output_shape[:3]) * window_size(convolution) * convolution.groups
    return FEWEST_WINDOWS * of_window <= BLAS_PRODUCTS and elements >= THREAD_ELEMENTS


def processors() -> int:
    """Return the number of threads that NumPy's BLAS takes by itself."""
    said = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS", "")
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(int(said), 1), there) if said.isdecimal() else there


def channel_blocks(convolution: Convolution) -> Iterator[Channels]:
    """Yield groups and the output channels of each, in blocks whose filters fit FILTER_BLOCK_BYTES."""
    at_once = GROUPS_AT_ONCE if goes_by_threads(convolution) else convolution.groups
    for groups in _ranges(convolution.groups, at_once):
        column_bytes = 8 * len(groups) * window_size(convolution)
        step = FILTER_BLOCK_BYTES // max(column_bytes, 1)
        for channels in _ranges(convolution.output_channels // convolution.groups, step):
            yield groups, channels


def position_blocks(convolution: Convolution, block: Channels) -> Iterator[Block]:
    """Yield boxes of output positions whose windows and products each fit the bytes of a block."""
    groups, channels = block
    position_bytes = 8 * len(groups) * max(window_size(convolution), len(channels), 1)
    room = max(WINDOW_BLOCK_BYTES // position_bytes, min(FEW_WINDOWS, WIDE_BLOCK_BYTES // position_bytes))
    if goes_by_threads(convolution):
        size = window_size(convolution.along_width if goes_by_kernel_rows(convolution) else convolution)
        few = BLAS_PRODUCTS // max(size * len(channels), 1)
        if _has_planes(convolution):  # one image: between its rows, planes have no gaps
            few = min(few, math.prod(convolution.output_shape[1:3]))
        room = min(WINDOW_BLOCK_BYTES // (8 * len(groups) * max(size, len(channels), 1)), few)
    return boxes(convolution, groups, room)


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
    view = output[images.start : images.stop, rows.start : rows.stop, columns.start : columns.stop]
    box = channel_box(view, convolution, channels)
    return box.reshape(len(box), math.prod(box.shape[1:4]), box.shape[4]).astype(dtype, copy=False)


def filter_block(filters: np.ndarray, convolution: Convolution, channels: Channels, dtype: np.dtype) -> np.ndarray:
    """Return filters (kh, kw, I / groups, O) as matrices (groups, taps * channels, output channels) of `dtype`."""
    box = channel_box(filters, convolution, channels)
    return box.reshape(len(box), window_size(convolution), box.shape[-1]).astype(dtype, copy=False)


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


def window_size(convolution: Convolution) -> int:
    """Return the number of elements in one group's window, a row of `unfold`."""
    return math.prod(convolution.filter_sizes[:3])
