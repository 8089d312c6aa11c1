"""A convolution layer's sizes and gradients, as a series of articles tells them: docs/worked/convolution-layer.md.

Each rule that the series tells wrongly is here twice: as told, and right. One axis is `size`, `kernel` and `stride`.
Images and kernels are 2-D arrays, and out_backprop is the error of the layer's output.
"""

from __future__ import annotations

import math

import numpy as np

from reference_impl import conv2d


def valid_size(size, kernel, stride):
    return math.ceil((size - kernel + 1) / stride)


def same_size(size, stride):
    return math.ceil(size / stride)


def same_total(size, kernel, stride):
    return max((same_size(size, stride) - 1) * stride + kernel - size, 0)


def same_total_as_told(size, kernel, stride):
    """`np.max(total, 0)` is the largest along axis 0, which is `total` itself."""
    return int(np.max((same_size(size, stride) - 1) * stride + kernel - size, 0))


def split(total):
    """Return the zeros before and after."""
    return total // 2, total - total // 2


def windows_fit(size, kernel, stride):
    """True if VALID windows read every position."""
    return (size - kernel) % stride == 0


def windows_fit_as_told(size, stride):
    return stride == 1 or size % stride == 0


def pad(image, kernel, strides, *, total=same_total, axes_swapped=False):
    """Return the image in the field of zeros of SAME. As told, its offsets from top and left are exchanged."""
    totals = list(map(total, image.shape, kernel.shape, strides))
    top, left = (split(zeros)[0] for zeros in (totals[::-1] if axes_swapped else totals))
    (height, width), (more_rows, more_columns) = image.shape, totals
    field = np.zeros((height + more_rows, width + more_columns))
    field[top : top + height, left : left + width] = image
    return field


def correlate(image, kernel, strides=1, padding="VALID"):
    return conv2d(image[None, :, :, None], kernel[:, :, None, None], strides=strides, padding=padding)[0, :, :, 0]


def same_conv2d(image, kernel, strides, **told):
    return correlate(pad(image, kernel, strides, **told), kernel, strides)


def backprop_input(sizes, kernel, out_backprop, stride, *, unread=0):
    """Zeros between the errors for the stride, kernel - 1 around them, and the rotated kernel at stride 1.

    Rows and columns that no window reads are left over at the bottom and right. Their gradient is 0; 1 as told.
    """
    spread = np.zeros([(count - 1) * stride + 1 for count in out_backprop.shape])
    spread[::stride, ::stride] = out_backprop
    read = correlate(spread, kernel[::-1, ::-1], padding="FULL")
    gradient = np.full(sizes, float(unread))
    gradient[: read.shape[0], : read.shape[1]] = read
    return gradient


def backprop_filter_as_told(image, sizes, out_backprop):
    """Return the error slid over the image. That is right at stride 1; another stride should spread the error."""
    return correlate(image, out_backprop)[: sizes[0], : sizes[1]]


def softmax_derivative(shares):
    """d a_i / d z_j: a_i (1 - a_i) where i = j, -a_i a_j elsewhere."""
    return np.diag(shares) - np.outer(shares, shares)


def cross_entropy(shares, labels):
    """Return -sum y log a, and its derivative by a, -y / a. The labels are 0, and 1 for the right class."""
    return -np.sum(labels * np.log(shares)), -labels / shares


def cross_entropy_as_told(shares, labels):
    """Return the same two, with a guard against log 0: exact zeros become 1e-12, in the caller's array."""
    shares[shares == 0] = 1e-12
    return cross_entropy(shares, labels)
