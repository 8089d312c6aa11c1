"""The arguments of each operation, checked: the sizes of its convolution, and its two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arguments
from .geometry import Convolution, sizes_that_give

# The forward convolution, and the two arrays that the operation multiplies.
Checked = tuple[Convolution, np.ndarray, np.ndarray]


def conv2d(input: Any, filters: Any, **options: Any) -> Checked:
    """Return the convolution, its input and its filters."""
    input = arguments.array(input, "input", "N H W I")
    filters = arguments.array(filters, "filters", "kh kw I O")
    return Convolution.checked(input.shape, filters.shape, **options), input, filters


def conv2d_backprop_input(input_sizes: Any, filters: Any, out_backprop: Any, **options: Any) -> Checked:
    """Return the convolution, its filters and the cotangent of its output."""
    filters = arguments.array(filters, "filters", "kh kw I O")
    input_sizes = arguments.sizes(input_sizes, "input_sizes", "N H W I")
    out_backprop = arguments.array(out_backprop, "out_backprop", "N H W O")
    convolution = Convolution.checked(input_sizes, filters.shape, **options, names=("input_sizes", "filters"))
    arguments.shape_must_be(out_backprop.shape, convolution.output_shape, "out_backprop", "that of conv2d's output")
    return convolution, filters, out_backprop


def conv2d_backprop_filter(input: Any, filter_sizes: Any, out_backprop: Any, **options: Any) -> Checked:
    """Return the convolution, its input and the cotangent of its output."""
    input = arguments.array(input, "input", "N H W I")
    filter_sizes = arguments.sizes(filter_sizes, "filter_sizes", "kh kw I O")
    out_backprop = arguments.array(out_backprop, "out_backprop", "N H W O")
    convolution = Convolution.checked(input.shape, filter_sizes, **options, names=("input", "filter_sizes"))
    arguments.shape_must_be(out_backprop.shape, convolution.output_shape, "out_backprop", "that of conv2d's output")
    return convolution, input, out_backprop


def conv2d_transpose(input: Any, filters: Any, output_shape: Any, **options: Any) -> Checked:
    """Return the forward convolution, its filters and the input of the transposed one."""
    input = arguments.array(input, "input", "N H W O")
    filters = arguments.array(filters, "filters", "kh kw I O")
    output_shape = arguments.sizes(output_shape, "output_shape", "N H W I")
    convolution = Convolution.checked(output_shape, filters.shape, **options, names=("output_shape", "filters"))
    if input.shape != convolution.output_shape:
        raise ValueError(
            f"output_shape must be one whose forward convolution gives input's shape {input.shape}; "
            f"{output_shape} gives {convolution.output_shape}"
            f"{_sizes_that_would_fit(input.shape, convolution, options['padding'])}"
        )
    return convolution, filters, input


def _sizes_that_would_fit(input_shape: tuple, convolution: Convolution, padding: Any) -> str:
    """Return the end of an error message: for each axis that does not fit, the sizes that would."""
    ends = []
    paddings: tuple = (padding, padding) if isinstance(padding, str) else convolution.padding
    for axis, size, pad in zip(convolution.axes, input_shape[1:3], paddings, strict=True):
        if size >= 1 and size != axis.output_size:
            legal = sizes_that_give(size, axis.kernel_extent, axis.stride, pad)
            span = f"{legal[0]} to {legal[-1]}" if len(legal) > 1 else f"{legal[0]}" if legal else "no size"
            ends.append(f"; along {axis.name} {span} would give {size}")
    return "".join(ends)
