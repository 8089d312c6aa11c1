"""Depthwise convolutions, tap by tap: a second way to walk the same taps.

A group has one channel in and one out. For so small a matrix product, copying the windows takes longest. So nothing is
copied here: each tap multiplies whole rows of all channels. `Convolution.taps` says which elements meet.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .geometry import Convolution
from .windows import boxes, cut

# A block of outputs. With the inputs and the products of a tap, it stays in the processor's second cache.
BLOCK_BYTES = 512 << 10


def products(
    convolution: Convolution, input: np.ndarray, filters: np.ndarray, output: np.ndarray, dtype: np.dtype
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield x, w and g for each block of output positions and each tap. The sum of all x * w * g is T.

    x and g are elements of `input` and `output`, as (1, images, rows, columns, channels). w is the tap's row of
    `filters`, as (1, channels). Each is a view if its array has the `dtype`, else a copy.
    """
    filters = filters.astype(dtype, copy=False)
    for block in boxes(convolution, range(1), BLOCK_BYTES // (8 * max(convolution.output_channels, 1))):
        _, images, rows, columns = block
        read = convolution.height.reach(rows), convolution.width.reach(columns)
        inputs = cut(input, images, *read)[np.newaxis].astype(dtype, copy=False)
        outputs = cut(output, images, rows, columns)[np.newaxis].astype(dtype, copy=False)
        for window, position in convolution.taps(rows, columns, read):
            yield inputs[position], filters[window[4:]], outputs[window[:4]]


def each_column(weights: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """Repeat the weights (1, channels) for the columns of `elements`: NumPy is quickest on long rows."""
    return weights.repeat(elements.shape[3], axis=0)
