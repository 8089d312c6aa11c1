"""Exact answers of all four operations to one set of small integers, from one map of the windows.

The oracle (`reference_impl.operations`) takes any array, and a tenth of a millisecond for a small one. This takes less
than a tenth of that. Tests hold it to the oracle with ==.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...geometry import Axis, Convolution

# The most products of a case: above it, the oracle is as fast.
MOST_PRODUCTS = 200_000


def exact_answers(
    convolution: Convolution, images: np.ndarray, filters: np.ndarray, cotangent: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return conv2d(images, filters), and its gradients at `cotangent` with respect to images and to filters.

    The arrays hold integers as float64, of which every sum of products is below 2**53. So BLAS adds exactly, in any
    order. A zero may be -0.0.
    """
    batch, _, _, channels = convolution.input_sizes
    *_, each, outputs = convolution.filter_sizes
    groups = convolution.groups
    reads, read_by = _maps(convolution.height, convolution.width)
    positions, taps = reads.shape
    inputs = len(read_by)

    windows = _gathered(images.reshape(batch, inputs, channels), reads, groups)
    matrix = filters.reshape(taps * each, outputs)
    rows = cotangent.reshape(batch * positions, outputs)
    back = _gathered(cotangent.reshape(batch, positions, outputs), read_by, groups)
    transposed = filters.reshape(taps, each, outputs)
    if groups == 1:
        output = windows @ matrix
        filter_gradient = windows.T @ rows
        input_gradient = back @ transposed.transpose(0, 2, 1).reshape(taps * outputs, each)
    else:
        of_each = outputs // groups
        grouped = matrix.reshape(taps * each, groups, of_each).transpose(1, 0, 2)
        output = (windows @ grouped).transpose(1, 0, 2)
        filter_gradient = (
            windows.transpose(0, 2, 1) @ rows.reshape(len(rows), groups, of_each).transpose(1, 0, 2)
        ).transpose(1, 0, 2)
        turned = transposed.reshape(taps, each, groups, of_each).transpose(2, 0, 3, 1)
        input_gradient = (back @ turned.reshape(groups, taps * of_each, each)).transpose(1, 0, 2)
    return (
        output.reshape(convolution.output_shape),
        input_gradient.reshape(convolution.input_sizes),
        filter_gradient.reshape(convolution.filter_sizes),
    )


def _gathered(values: np.ndarray, places: np.ndarray, groups: int) -> np.ndarray:
    """Return what each place reads, as a matrix (images * places, taps * channels); with groups, one for each group.

    `values` are (images, positions, channels). The place after the last position is a zero.
    """
    batch, positions, channels = values.shape
    with_zero = np.zeros((batch, positions + 1, channels))
    with_zero[:, :-1] = values
    taken = with_zero.take(places, axis=1)
    rows, taps = places.shape
    if groups == 1:
        return taken.reshape(batch * rows, taps * channels)
    split = taken.reshape(batch * rows, taps, groups, channels // groups)
    return split.transpose(2, 0, 1, 3).reshape(groups, batch * rows, taps * (channels // groups))


@lru_cache(256)
def _maps(height: Axis, width: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Return two maps of positions, each in rows: (outputs, taps) -> the input read, (inputs, taps) -> the output.

    The number of all inputs, or outputs, stands for none.
    """
    rows, columns = _along(height), _along(width)
    return _joined(rows[0], columns[0], width.input_size, height.input_size * width.input_size), _joined(
        rows[1], columns[1], width.output_size, height.output_size * width.output_size
    )


def _along(axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps along one axis, with -1 for none."""
    taps = np.arange(axis.kernel_size) * axis.dilation - axis.pad_before
    reads = np.arange(axis.output_size)[:, np.newaxis] * axis.stride + taps
    starts, beside = np.divmod(np.arange(axis.input_size)[:, np.newaxis] - taps, axis.stride)
    return (
        np.where((reads >= 0) & (reads < axis.input_size), reads, -1),
        np.where((beside == 0) & (starts >= 0) & (starts < axis.output_size), starts, -1),
    )


def _joined(rows: np.ndarray, columns: np.ndarray, width: int, none: int) -> np.ndarray:
    high, wide = rows[:, np.newaxis, :, np.newaxis], columns[np.newaxis, :, np.newaxis, :]
    places = np.where((high >= 0) & (wide >= 0), high * width + wide, none)
    return places.reshape(rows.shape[0] * columns.shape[0], -1)
