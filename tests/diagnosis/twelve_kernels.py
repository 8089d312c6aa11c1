"""Twelve wrong kernels with the mistakes of tiled and vectorised code, to measure the diagnosis.

They were written before anything was changed for them. Before that: named rightly 7 of 12, conditions true 17 of 50.
After: 9 of 12, and 20 of 20. When they were written, it was known which factors would be added: products of each sum,
halo, bytes, multiples of tiles. Three of the kernels were looked at while the search for one rule was written.
"""

from __future__ import annotations

import math

import numpy as np
from diagnosis.wrong_kernels import Asked, Kernels, pads, per_group

from reference_impl.cases.case import Case

KERNELS = Kernels()

FILTER, INPUT, TRANSPOSE = "conv2d_backprop_filter", "conv2d_backprop_input", "conv2d_transpose"


def _is_plain(case: Case) -> bool:
    return case.strides == case.dilations == (1, 1)


@KERNELS.add(
    "winograd-without-the-odd-row",
    lambda case: case.kernel_size == (3, 3) and _is_plain(case) and any(size % 2 for size in case.output_shape[1:3]),
)
def _winograd(asked: Asked) -> np.ndarray:
    """Winograd F(2x2, 3x3) writes tiles of two by two, and rounds their number down."""
    answer = asked.right()
    if asked.case.kernel_size == (3, 3) and _is_plain(asked.case):
        rows, columns = (size // 2 * 2 for size in answer.shape[1:3])
        answer[:, rows:] = 0
        answer[:, :, columns:] = 0
    return answer


def _length(size: int) -> int:
    """Return the length of the transform: the next power of two."""
    return 2 ** math.ceil(math.log2(max(size, 1)))


@KERNELS.add(
    "fft-of-the-unpadded-size",
    lambda case: any(axis.padded_size > _length(axis.input_size) for axis in case.convolution.axes),
)
def _fft(asked: Asked) -> np.ndarray:
    """The transform is as long as the image without its padding asks for, so the rest wraps around."""
    images, filters = asked.given
    seen = np.pad(images, ((0, 0), *pads(asked.case), (0, 0))).astype(np.float64)
    for place, axis in enumerate(asked.case.convolution.axes, start=1):
        length, size = _length(axis.input_size), seen.shape[place]
        folded = np.zeros_like(seen)
        for first in range(0, size, length):
            part = np.take(seen, np.arange(first, min(first + length, size)), axis=place)
            folded[(slice(None),) * place + (slice(part.shape[place]),)] += part
        seen = np.take(folded, np.arange(size) % length, axis=place)
    return asked.right(seen, filters, padding="VALID")


@KERNELS.add("channels-loaded-in-fours", lambda case: per_group(case) % 4 > 0)
def _in_fours(asked: Asked) -> np.ndarray:
    """The loop over the channels of a group takes four at a time, and leaves the rest out."""
    images, filters = asked.given
    filters = filters.copy()
    filters[:, :, filters.shape[2] // 4 * 4 :] = 0
    return asked.right(images, filters)


@KERNELS.add("blocks-of-16-positions-rounded-down", lambda case: math.prod(case.output_shape[:3]) % 16 > 0)
def _blocks_of_positions(asked: Asked) -> np.ndarray:
    """The implicit GEMM has a row for each output position of the batch, and starts whole blocks of 16 alone."""
    answer = asked.right()
    flat = answer.reshape(math.prod(answer.shape[:3]), answer.shape[3])
    flat[len(flat) // 16 * 16 :] = 0
    return flat.reshape(answer.shape)


@KERNELS.add("shared-memory-for-36-weights", lambda case: math.prod(case.kernel_size) * per_group(case) > 36)
def _shared_memory(asked: Asked) -> np.ndarray:
    """The weights of one output channel are kept in an array of 36, a 3x3 kernel of 4 channels."""
    images, filters = asked.given
    flat = filters.reshape(math.prod(filters.shape[:3]), filters.shape[3]).copy()
    flat[36:] = 0
    return asked.right(images, flat.reshape(filters.shape))


def _tiles_overlap(case: Case) -> bool:
    axis = case.convolution.width
    return axis.output_size > 4 and axis.kernel_extent > axis.stride


@KERNELS.add("tiles-of-the-gradient-overwrite", _tiles_overlap, operation=INPUT)
def _overwrite(asked: Asked) -> np.ndarray:
    """Tiles of four columns of the cotangent store their part of the gradient, where they should add it."""
    sizes, filters, cotangent = asked.given
    case, axis = asked.case, asked.case.convolution.width
    padded = (case.batch, *(one.padded_size for one in case.convolution.axes), case.input_channels)
    answer = np.zeros(padded, case.dtype)
    for first in range(0, axis.output_size, 4):
        alone = np.zeros_like(cotangent)
        alone[:, :, first : first + 4] = cotangent[:, :, first : first + 4]
        last = min(first + 4, axis.output_size) - 1
        columns = slice(first * axis.stride, last * axis.stride + axis.kernel_extent)
        answer[:, :, columns] = asked.right(padded, filters, alone, padding="VALID")[:, :, columns]
    (top, _), (left, _) = pads(case)
    return answer[:, top : top + sizes[1], left : left + sizes[2]]


@KERNELS.add(
    "split-sums-without-the-last-rows",
    lambda case: case.output_shape[1] > 8 and case.output_shape[1] % 8 > 0,
    operation=FILTER,
)
def _split(asked: Asked) -> np.ndarray:
    """A sum over more than eight rows of the cotangent is split into parts of eight, and the last part is lost."""
    images, sizes, cotangent = asked.given
    rows = cotangent.shape[1]
    cotangent = cotangent.copy()
    cotangent[:, rows if rows <= 8 else rows // 8 * 8 :] = 0
    return asked.right(images, sizes, cotangent)


@KERNELS.add(
    "phases-of-whole-strides",
    lambda case: case.dilations == (1, 1) and any(k % s for k, s in zip(case.kernel_size, case.strides, strict=True)),
    operation=TRANSPOSE,
)
def _phases(asked: Asked) -> np.ndarray:
    """Each phase of a strided transposed convolution has kernel / stride taps, rounded down."""
    cotangent, filters, sizes = asked.given
    if asked.case.dilations == (1, 1):
        filters = filters.copy()
        rows, columns = (k // s * s for k, s in zip(filters.shape[:2], asked.case.strides, strict=True))
        filters[rows:] = 0
        filters[:, columns:] = 0
    return asked.right(cotangent, filters, sizes)


@KERNELS.add(
    "one-row-path-without-the-pads",
    lambda case: case.kernel_size[0] == 1 and any(before for before, _ in pads(case)),
    "same-ignored",
    "explicit-ignored",
    "",
)
def _one_row(asked: Asked) -> np.ndarray:
    """The path for kernels of one row reads the image from its first pixel on, whatever the padding before."""
    if asked.case.kernel_size[0] > 1:
        return asked.right()
    images, filters = asked.given
    after = [(0, sum(pair)) for pair in pads(asked.case)]
    return asked.right(np.pad(images, ((0, 0), *after, (0, 0))), filters, padding="VALID")


@KERNELS.add("last-four-columns-added-twice", lambda case: case.width > 4 and case.width % 4 > 0, operation=INPUT)
def _added_twice(asked: Asked) -> np.ndarray:
    """The last vector of four columns overlaps the one before it, and both are added."""
    answer, width = asked.right(), asked.case.width
    if width > 4 and width % 4:
        answer[:, :, width - 4 : width // 4 * 4] *= 2
    return answer


@KERNELS.add(
    "winograd-chosen-by-the-width",
    lambda case: case.kernel_size[1] == 3 and case.kernel_size[0] > 3 and _is_plain(case),
)
def _by_the_width(asked: Asked) -> np.ndarray:
    """The path for 3x3 looks at the kernel's width alone, and reads three rows of it."""
    images, filters = asked.given
    if filters.shape[1] == 3 and _is_plain(asked.case):
        filters = filters.copy()
        filters[3:] = 0
    return asked.right(images, filters)


def _bytes_of_a_row(case: Case) -> int:
    return case.width * case.input_channels * np.dtype(case.dtype).itemsize


@KERNELS.add("rows-copied-in-16-bytes", lambda case: _bytes_of_a_row(case) % 16 > 0)
def _sixteen_bytes(asked: Asked) -> np.ndarray:
    """Each row of the image is copied in steps of 16 bytes, and the rest of it is left out."""
    images, filters = asked.given
    rows = images.reshape(*images.shape[:2], math.prod(images.shape[2:])).copy()
    rows[:, :, _bytes_of_a_row(asked.case) // 16 * 16 // images.itemsize :] = 0
    return asked.right(rows.reshape(images.shape), filters)
