"""conv2d, its two gradients and conv2d_transpose on one screen. Start reading here.

All four come from one sum of products, which is linear in each of its three factors:

    T = sum_nhwipqo  windows[n, h, w, i, p, q] * filters[p, q, i, o] * out_backprop[n, h, w, o]
    windows[n, h, w, i, p, q] = padded[n, h*stride + p*dilation, w*stride + q*dilation, i]

Each operation is the derivative of T by one factor: the same sum without it. conv2d leaves out out_backprop,
conv2d_backprop_filter leaves out filters, and conv2d_backprop_input leaves out windows, that is, input.

Shapes: input (N, H, W, I), filters (kh, kw, I, O), output and out_backprop (N, H', W', O). Sums are int64
for integers, else float64. Nothing is checked, not even overflow. For checks and groups: operations.py.
"""

import numpy as np


def conv2d(input, filters, *, strides=1, padding="VALID", dilations=1):
    windows, _ = unfold(input, filters.shape, strides, padding, dilations)
    return np.einsum("nhwipq,pqio->nhwo", windows, filters)


def conv2d_backprop_filter(input, filter_sizes, out_backprop, *, strides=1, padding="VALID", dilations=1):
    windows, _ = unfold(input, filter_sizes, strides, padding, dilations)
    return np.einsum("nhwipq,nhwo->pqio", windows, out_backprop)


def conv2d_backprop_input(input_sizes, filters, out_backprop, *, strides=1, padding="VALID", dilations=1):
    zeros = np.zeros(input_sizes, np.result_type(filters, out_backprop))
    windows, input_backprop = unfold(zeros, filters.shape, strides, padding, dilations)
    products = np.einsum("pqio,nhwo->nhwipq", filters, out_backprop, dtype=windows.dtype)
    for p, q in np.ndindex(filters.shape[:2]):  # tap by tap: windows overlap, but one tap's positions do not
        windows[..., p, q] += products[..., p, q]  # fold, the adjoint of unfold: add to what that reads
    return input_backprop


def conv2d_transpose(input, filters, output_shape, **options):
    return conv2d_backprop_input(output_shape, filters, input, **options)


def unfold(input, filter_sizes, strides, padding, dilations):
    """Pad `input`. Return its windows and the unpadded part: two views of the same array."""
    (height, width), (kh, kw) = input.shape[1:3], filter_sizes[:2]
    (sh, sw), (dh, dw) = np.broadcast_to(strides, 2), np.broadcast_to(dilations, 2)
    extents = (kh - 1) * dh + 1, (kw - 1) * dw + 1
    if isinstance(padding, str):
        padding = pads(padding, height, extents[0], sh), pads(padding, width, extents[1], sw)
    (top, bottom), (left, right) = padding
    dtype = np.int64 if input.dtype.kind in "biu" else np.float64
    padded = np.pad(input.astype(dtype), ((0, 0), (top, bottom), (left, right), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, extents, (1, 2), writeable=True)
    return windows[:, ::sh, ::sw, :, ::dh, ::dw], padded[:, top : top + height, left : left + width]


def pads(word, size, extent, stride):
    """Zeros before and after one axis. SAME gives ceil(size / stride) outputs, FULL every overlap."""
    same = max((-(-size // stride) - 1) * stride + extent - size, 0)
    less, more, full = same // 2, same - same // 2, extent - 1
    return {"VALID": (0, 0), "SAME": (less, more), "SAME_LOWER": (more, less), "FULL": (full, full)}[word]
