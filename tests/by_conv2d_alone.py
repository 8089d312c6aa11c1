"""The two gradients and the transposed convolution, written with nothing but `conv2d`, in full generality.

    d_input   = conv2d of (out_backprop dilated by the stride, padded, cropped)
                with (filters rotated by 180 degrees, input and output channels swapped), at the same dilation
    d_filters = conv2d of (input padded, batch and channels swapped)
                with (out_backprop as a filter, its batch as input channels), at dilation = stride, stride = dilation

Exact for strides, dilations, groups, many channels and images, every padding, and leftover rows. Both use `conv2d`
VALID, without explicit padding, so that any `conv2d` with strides, dilations and groups will do: pass it as `conv2d`.
"""

from __future__ import annotations

import numpy as np

import reference_impl
from reference_impl import definition


def conv2d_backprop_input(
    input_sizes, filters, out_backprop, *, strides, padding, dilations, groups, conv2d=reference_impl.conv2d
):
    """dT/dx. A leftover of rows or columns is zeros at the end; padding is cropped off."""
    kernel_size = filters.shape[:2]
    pads = _pads(padding, input_sizes[1:3], kernel_size, strides, dilations)
    spread = _dilated(out_backprop, strides)
    for axis, (before, after) in enumerate(pads):
        last_tap = (kernel_size[axis] - 1) * dilations[axis]
        size = input_sizes[axis + 1]
        leftover = before + size + after - last_tap - spread.shape[axis + 1]
        spread = _padded(spread, axis + 1, last_tap, last_tap + leftover)
        spread = _cropped(spread, axis + 1, before, size + last_tap)
    return conv2d(spread, _rotated_and_swapped(filters, groups), strides=1, dilations=dilations, groups=groups)


def conv2d_backprop_filter(
    input, filter_sizes, out_backprop, *, strides, padding, dilations, groups, conv2d=reference_impl.conv2d
):
    """dT/dW. The taps past the kernel, which a leftover allows when it is at least the dilation, are cut off."""
    kernel_size = filter_sizes[:2]
    pads = _pads(padding, input.shape[1:3], kernel_size, strides, dilations)
    for axis, (before, after) in enumerate(pads):
        input = _padded(input, axis + 1, before, after)
    batch, height, width, channels = input.shape
    # (N, H, W, groups * i) to (i, H, W, groups * N): each group's images become its channels.
    swapped = input.reshape(batch, height, width, groups, channels // groups).transpose(4, 1, 2, 3, 0)
    swapped = swapped.reshape(channels // groups, height, width, groups * batch)
    as_filters = out_backprop.transpose(1, 2, 0, 3)
    result = conv2d(swapped, as_filters, strides=dilations, dilations=strides, groups=groups)
    return result.transpose(1, 2, 0, 3)[: kernel_size[0], : kernel_size[1]]


def conv2d_transpose(
    input, filters, output_shape, *, strides, padding, dilations, groups, conv2d=reference_impl.conv2d
):
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups, "conv2d": conv2d}
    return conv2d_backprop_input(output_shape, filters, input, **options)


def _pads(padding, sizes, kernel_size, strides, dilations):
    words = (padding, padding) if isinstance(padding, str) else padding
    return [definition.pads(*axis) for axis in zip(words, sizes, kernel_size, strides, dilations, strict=True)]


def _dilated(images, strides):
    """Zeros between the elements: stride - 1 of them."""
    batch, height, width, channels = images.shape
    sizes = batch, (height - 1) * strides[0] + 1, (width - 1) * strides[1] + 1, channels
    spread = np.zeros(sizes, images.dtype)
    spread[:, :: strides[0], :: strides[1]] = images
    return spread


def _padded(array, axis, before, after):
    return np.pad(array, [(before, after) if number == axis else (0, 0) for number in range(array.ndim)])


def _cropped(array, axis, start, size):
    return array[(slice(None),) * axis + (slice(start, start + size),)]


def _rotated_and_swapped(filters, groups):
    """(kh, kw, i, groups * o) to (kh, kw, o, groups * i), turned by 180 degrees."""
    kernel_height, kernel_width, inputs, outputs = filters.shape
    split = filters[::-1, ::-1].reshape(kernel_height, kernel_width, inputs, groups, outputs // groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(kernel_height, kernel_width, outputs // groups, groups * inputs)
