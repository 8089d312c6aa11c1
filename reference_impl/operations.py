"""The four operations: three derivatives of one trilinear form, computed by three matrix products.

    T(x, W, G) = < unfold(x) @ W, G >        unfold(x): one row per output position, its window of the padded x

    conv2d                  = dT/dG = unfold(x) @ W
    conv2d_backprop_filter  = dT/dW = unfold(x).T @ G
    conv2d_backprop_input   = dT/dx = fold(G @ W.T)        fold: the adjoint of unfold
    conv2d_transpose        = conv2d_backprop_input by its other name

Depthwise convolutions take the same derivatives tap by tap: see `depthwise`. Where many windows overlap, a product is
taken one kernel row at a time: see `windows.parts`. The windows of a 1x1 kernel without strides are the input's pixels.
Then an operation is one product of whole arrays: see `windows.is_one_product`. Without strides, the input gradient is
itself a convolution of G: see `Convolution.reverse`. It goes so where copying windows of G is faster than `fold`, which
adds elements: see `windows.goes_by_reverse`.

Inputs are NHWC and filters HWIO. The operations are *cross-correlations*: the kernel is not flipped. Results are
int64 for integers and bool, float64 for floats, object for Python int and Fraction. On integers and objects every
result is exact. Arguments are never written to. `minimal` has the same operations on one screen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arguments, problems
from .arithmetic import choose_dtypes
from .depthwise import each_column, products
from .geometry import Convolution
from .windows import (
    Channels,
    add_product,
    filter_block,
    fold,
    for_channels,
    goes_by_reverse,
    is_one_product,
    matrix_of,
    output_rows,
    parts,
    pixels,
    position_blocks,
    sums_like,
    unfold,
    windows_of,
)

OPERATIONS = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter", "conv2d_transpose")

# NaN and infinity in the data are the caller's business: no warnings.
_silent = np.errstate(all="ignore")


@_silent
def conv2d(
    input: Any, filters: Any, *, strides: Any = 1, padding: Any = "VALID", dilations: Any = 1, groups: int = 1
) -> np.ndarray:
    """2-D convolution (cross-correlation) of `input` with `filters`.

        output[n, h, w, o] = sum_pqi padded[n, h*sh + p*dh, w*sw + q*dw, i] * filters[p, q, i, o]

    With groups, the input and the output channels are each divided into that many equal blocks, in order. Output
    channel o sums over the input channels of its own block.

    Parameters
    ----------
    input : array (N, H, W, I)
    filters : array (kh, kw, I / groups, O)
    strides, dilations : int or (int, int), in input positions, >= 1, height first
    padding : "VALID", "SAME", "SAME_LOWER", "FULL" or ((top, bottom), (left, right)), zeros, >= 0
        The words are computed from the dilated kernel; see `geometry.padding_of`. Strides apply after padding.
    groups : int, >= 1, a divisor of I and O
        A depthwise convolution has groups = I.

    Returns
    -------
    array (N, H', W', O), H' = floor((padded height - kernel extent) / sh) + 1
        int64, float64 or object: exact for integers and objects.

    Raises
    ------
    TypeError
        For an unsupported dtype (complex, strings, ...) or an argument that is not an integer.
    ValueError
        For shapes that do not fit, a kernel larger than the padded input, values out of range, or integers
        whose result could overflow int64.

    References
    ----------
    https://www.tensorflow.org/api_docs/python/tf/nn/conv2d
    """
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, input, filters = problems.conv2d(input, filters, **options)
    terms = convolution.terms("conv2d")
    dtype, result_dtype = choose_dtypes(input, filters, terms, ("input", "filters"))
    if convolution.is_depthwise:
        output = np.zeros(convolution.output_shape, result_dtype)
        for x, w, g in products(convolution, input, filters, output, result_dtype):
            g += x * each_column(w, x)
        return output
    return _convolve(convolution, input, filters, dtype, result_dtype)


def conv2d_backprop_input(
    input_sizes: Any,
    filters: Any,
    out_backprop: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """Gradient of `conv2d` with respect to its input (its VJP at `out_backprop`).

        padded_backprop[n, y, x, i] = sum_hwpqo out_backprop[n, h, w, o] * filters[p, q, i, o]
                                      over h*sh + p*dh = y and w*sw + q*dw = x

    The result is padded_backprop without the padding. Input positions that no window reads get 0.

    Parameters
    ----------
    input_sizes : (N, H, W, I)
    filters : array (kh, kw, I / groups, O)
    out_backprop : array (N, H', W', O)
        Cotangent of `conv2d`'s output; its shape must be that output's.
    strides, padding, dilations, groups
        As given to `conv2d`.

    Returns
    -------
    array (N, H, W, I)
        int64, float64 or object: exact for integers and objects.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; also if `out_backprop` has another shape than the output of that convolution.

    References
    ----------
    https://www.tensorflow.org/api_docs/python/tf/raw_ops/Conv2DBackpropInput
    """
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, filters, out_backprop = problems.conv2d_backprop_input(input_sizes, filters, out_backprop, **options)
    return _backprop_input(convolution, filters, out_backprop, "out_backprop")


@_silent
def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """Gradient of `conv2d` with respect to its filters (its VJP at `out_backprop`).

        filter_backprop[p, q, i, o] = sum_nhw padded[n, h*sh + p*dh, w*sw + q*dw, i] * out_backprop[n, h, w, o]

    Parameters
    ----------
    input : array (N, H, W, I)
    filter_sizes : (kh, kw, I / groups, O)
    out_backprop : array (N, H', W', O)
        Cotangent of `conv2d`'s output; its shape must be that output's.
    strides, padding, dilations, groups
        As given to `conv2d`.

    Returns
    -------
    array (kh, kw, I / groups, O)
        int64, float64 or object: exact for integers and objects.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; also if `out_backprop` has another shape than the output of that convolution.

    References
    ----------
    https://www.tensorflow.org/api_docs/python/tf/raw_ops/Conv2DBackpropFilter
    """
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, input, out_backprop = problems.conv2d_backprop_filter(input, filter_sizes, out_backprop, **options)
    terms = convolution.terms("conv2d_backprop_filter")
    dtype, result_dtype = choose_dtypes(input, out_backprop, terms, ("input", "out_backprop"))
    if convolution.is_depthwise and dtype.kind != "O":  # NumPy 1.24 has no einsum of objects
        result = np.zeros(convolution.filter_sizes, result_dtype)
        for x, w, g in products(convolution, input, result, out_backprop, result_dtype):
            w += np.einsum("gnhwc,gnhwc->c", x, g)
        return result
    result = _to_write(convolution.filter_sizes, result_dtype, terms)
    if is_one_product(convolution):
        add_product(pixels(input, dtype).T, pixels(out_backprop, dtype), pixels(result, result_dtype), first=True)
        return result

    def multiply(channels: Channels) -> None:
        matrix = filter_block(result, convolution, channels, result_dtype)  # a view
        for number, block in enumerate(position_blocks(convolution, channels)):
            windows = unfold(input, convolution, block, dtype)
            cotangent = output_rows(out_backprop, convolution, block, channels, dtype)
            for taps, rows in parts(convolution, block):
                columns = matrix_of(windows, rows).transpose(0, 2, 1)
                add_product(columns, cotangent, matrix[:, taps], first=number == 0)

    for_channels(multiply, convolution)
    return result


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """Transposed convolution: the adjoint of the `conv2d` from arrays of `output_shape` to arrays like `input`.

    conv2d_transpose(input, filters, output_shape) = conv2d_backprop_input(output_shape, filters, input)

    It is not an inverse ("deconvolution"). `filters` and every option are those of the forward convolution.

    Parameters
    ----------
    input : array (N, H', W', O)
    filters : array (kh, kw, output channels / groups, O)
        The same array that the forward `conv2d` takes.
    output_shape : (N, H, W, output channels)
        Its forward convolution must give `input`'s shape. With a stride above 1, several sizes do:
        `geometry.transposed_sizes` lists them, and which of them Keras and torch pick.
    strides, padding, dilations, groups
        As given to the forward `conv2d`.

    Returns
    -------
    array of shape `output_shape`
        int64, float64 or object: exact for integers and objects.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; also if the forward convolution of `output_shape` has another shape than `input`.

    References
    ----------
    https://www.tensorflow.org/api_docs/python/tf/nn/conv2d_transpose
    """
    options = {"strides": strides, "padding": padding, "dilations": dilations, "groups": groups}
    convolution, filters, input = problems.conv2d_transpose(input, filters, output_shape, **options)
    return _backprop_input(convolution, filters, input, "input")


def conv2d_matrix(
    input_sizes: Any,
    filters: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
) -> np.ndarray:
    """The matrix of `conv2d` as a linear map of its input, for given filters.

    conv2d(x, filters).ravel() = matrix @ x.ravel() for one image x. Its transpose is the matrix of
    `conv2d_transpose`.

    Parameters
    ----------
    input_sizes : (H, W, I) of one image
    filters : array (kh, kw, I / groups, O)
    strides, padding, dilations, groups
        As given to `conv2d`.

    Returns
    -------
    array (H' * W' * O, H * W * I)
        int64, float64 or object: exact for integers and objects.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`.
    """
    input_sizes = arguments.sizes(input_sizes, "input_sizes", "H W I")
    filters = arguments.array(filters, "filters", "kh kw I O")
    size = int(np.prod(input_sizes))
    units = np.eye(size, dtype=np.int8).reshape(size, *input_sizes)
    columns = conv2d(units, filters, strides=strides, padding=padding, dilations=dilations, groups=groups)
    return columns.reshape(size, int(np.prod(columns.shape[1:]))).T


@_silent
def _backprop_input(convolution: Convolution, filters: np.ndarray, cotangent: np.ndarray, name: str) -> np.ndarray:
    terms = convolution.terms("conv2d_backprop_input")
    dtype, result_dtype = choose_dtypes(cotangent, filters, terms, (name, "filters"))
    if convolution.is_depthwise:
        result = np.zeros(convolution.input_sizes, result_dtype)
        for x, w, g in products(convolution, result, filters, cotangent, result_dtype):
            x += g * each_column(w, g)
        return result
    reverse = convolution.reverse if goes_by_reverse(convolution) else None
    if reverse and dtype.kind != "O" and np.isfinite(filters).all():  # in the padding, 0 * infinity would be NaN
        return _convolve(reverse, cotangent, _flip(filters, convolution.groups), dtype, result_dtype)
    # Then each input position is that of one window: the products are written there, and no window is folded.
    in_place = convolution.is_pointwise and convolution.height.stride == convolution.width.stride == 1
    result = _to_write(convolution.input_sizes, result_dtype, terms if in_place else 0)
    if is_one_product(convolution):
        add_product(pixels(cotangent, dtype), pixels(filters, dtype).T, pixels(result, result_dtype), first=True)
        return result

    def multiply(channels: Channels) -> None:
        matrix = filter_block(filters, convolution, channels, dtype)
        inputs = channels[0], range(convolution.filter_sizes[2])
        for block in position_blocks(convolution, channels):
            rows = output_rows(cotangent, convolution, block, channels, dtype)
            if in_place:
                place = output_rows(result, convolution, block, inputs, result_dtype)  # a view
                add_product(rows, matrix.transpose(0, 2, 1), place, first=channels[1].start == 0)
                continue
            windows = windows_of(rows, matrix, convolution, block).astype(result_dtype, copy=False)
            fold(windows, convolution, block, result)
            del windows  # the next ones take their place

    for_channels(multiply, convolution)
    return result


def _convolve(
    convolution: Convolution, input: np.ndarray, filters: np.ndarray, dtype: np.dtype, result_dtype: np.dtype
) -> np.ndarray:
    """Compute `conv2d` of arrays that were checked."""
    output = _to_write(convolution.output_shape, result_dtype, convolution.terms("conv2d"))
    if is_one_product(convolution):
        add_product(pixels(input, dtype), pixels(filters, dtype), pixels(output, result_dtype), first=True)
        return output

    def multiply(channels: Channels) -> None:
        matrix = filter_block(filters, convolution, channels, dtype)
        for block in position_blocks(convolution, channels):
            windows = unfold(input, convolution, block, dtype)
            place = output_rows(output, convolution, block, channels, result_dtype)  # a view
            together = len(place) == 1  # the rows of several groups lie apart, which is slow to add to
            sums = place if together else sums_like(windows, place, dtype)
            for number, (taps, rows) in enumerate(parts(convolution, block)):
                add_product(matrix_of(windows, rows), matrix[:, taps], sums, first=number == 0)
            if not together:
                place[...] = sums

    for_channels(multiply, convolution)
    return output


def _flip(filters: np.ndarray, groups: int) -> np.ndarray:
    """Flip the kernel, and exchange the input and the output channels of each group."""
    *kernel, inputs, outputs = filters.shape
    flipped = filters[::-1, ::-1].reshape(*kernel, inputs, groups, outputs // groups).transpose(0, 1, 4, 3, 2)
    return flipped.reshape(*kernel, outputs // groups, groups * inputs)


def _to_write(sizes: tuple[int, ...], dtype: np.dtype, terms: int) -> np.ndarray:
    """Make a result. If its sums have terms, a first product writes each element; a sum of none is 0."""
    return np.empty(sizes, dtype) if terms else np.zeros(sizes, dtype)
