"""The four operations: three derivatives of one trilinear form, computed by three matrix products.

    T(x, W, G) = < unfold(x) @ W, G >        unfold(x): one row per output position, its window of the padded x

    conv2d                  = dT/dG = unfold(x) @ W
    conv2d_backprop_filter  = dT/dW = unfold(x).T @ G
    conv2d_backprop_input   = dT/dx = fold(G @ W.T)        fold: the adjoint of unfold
    conv2d_transpose        = conv2d_backprop_input by its other name

Depthwise convolutions take the same derivatives tap by tap: see `depthwise`. Where many windows overlap, a product is
taken one kernel row at a time: see `windows.parts`.

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
    filter_block,
    fold,
    for_channels,
    matrix_of,
    output_box,
    output_rows,
    parts,
    pointwise,
    position_blocks,
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
    dtype, result_dtype = choose_dtypes(input, filters, convolution.terms("conv2d"), ("input", "filters"))
    if convolution.is_depthwise:
        output = np.zeros(convolution.output_shape, result_dtype)
        for x, w, g in products(convolution, input, filters, output, result_dtype):
            g += x * each_column(w, x)
        return output
    output = np.empty(convolution.output_shape, result_dtype)  # the blocks cover it

    def multiply(channels: Channels) -> None:
        matrix = filter_block(filters, convolution, channels, dtype)
        for block in position_blocks(convolution, channels):
            windows = unfold(input, convolution, block, dtype)
            by_parts = [(matrix_of(windows, rows), matrix[:, taps]) for taps, rows in parts(convolution, block)]
            _put_sum(by_parts, output_box(output, convolution, block, channels))

    for_channels(multiply, convolution)
    return output


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
    result = np.zeros(convolution.filter_sizes, result_dtype)
    if convolution.is_depthwise and dtype.kind != "O":  # NumPy 1.24 has no einsum of objects
        for x, w, g in products(convolution, input, result, out_backprop, result_dtype):
            w += np.einsum("gnhwc,gnhwc->c", x, g)
        return result

    def multiply(channels: Channels) -> None:
        matrix = filter_block(result, convolution, channels, result_dtype)  # a view
        for number, block in enumerate(position_blocks(convolution, channels)):
            windows = unfold(input, convolution, block, dtype)
            cotangent = output_rows(out_backprop, convolution, block, channels, dtype)
            for taps, rows in parts(convolution, block):
                factors, sums = (matrix_of(windows, rows).transpose(0, 2, 1), cotangent), matrix[:, taps]
                if not number and dtype == result_dtype:
                    np.matmul(*factors, out=sums)
                else:
                    np.add(sums, np.matmul(*factors), out=sums, casting="unsafe")  # float64 holds these integers

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


def _put_sum(factors: list[tuple[np.ndarray, np.ndarray]], box: np.ndarray) -> None:
    """Put the sum of matrix products into a box of the output: at once, where its memory is in one piece."""
    (left, right), *others = factors
    whole = box.flags.c_contiguous and box.dtype == left.dtype
    sums = np.matmul(left, right, out=box.reshape(*left.shape[:2], right.shape[2]) if whole else None)
    for left, right in others:
        sums += left @ right
    if not whole:
        box[...] = sums.reshape(box.shape)


@_silent
def _backprop_input(convolution: Convolution, filters: np.ndarray, cotangent: np.ndarray, name: str) -> np.ndarray:
    terms = convolution.terms("conv2d_backprop_input")
    dtype, result_dtype = choose_dtypes(cotangent, filters, terms, (name, "filters"))
    result = np.zeros(convolution.input_sizes, result_dtype)
    if convolution.is_depthwise:
        for x, w, g in products(convolution, result, filters, cotangent, result_dtype):
            x += g * each_column(w, g)
        return result

    def multiply(channels: Channels) -> None:
        matrix = filter_block(filters, convolution, channels, dtype)
        for block in position_blocks(convolution, channels):
            rows = output_rows(cotangent, convolution, block, channels, dtype)
            if convolution.is_pointwise and not channels[1].start:  # nothing is there to add to
                _put_sum([(rows, matrix.transpose(0, 2, 1))], pointwise(result, convolution, block))
                continue
            windows = windows_of(rows, matrix, convolution, block)
            fold(windows.astype(result_dtype, copy=False), convolution, block, result)

    for_channels(multiply, convolution)
    return result
