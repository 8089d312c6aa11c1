"""Assertions for tests of your own: is this the right answer to these arrays?

    from reference_impl.testing import assert_conv2d

    assert_conv2d(actual, input, filters, strides=2, padding="SAME")

The arrays may come from NumPy, PyTorch, TensorFlow, JAX, or any library with `__array__` or DLPack. None of these is
imported here. docs/testing.md says how an answer is judged, and what that costs.
"""

from __future__ import annotations

from typing import Any

from .judgement import judge
from .reading import problem

__all__ = ["assert_conv2d", "assert_conv2d_backprop_filter", "assert_conv2d_backprop_input", "assert_conv2d_transpose"]


def assert_conv2d(
    actual: Any,
    input: Any,
    filters: Any,
    *,
    bias: Any = None,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    data_format: str = "NHWC",
    filter_format: str | None = None,
    dtype: Any = None,
    accumulate: str | None = None,
    factor: float = 1.0,
    seed: int = 0,
) -> None:
    """Require that `actual` is `conv2d(input, filters) + bias`.

    Integers must be equal. So must floats that hold integers whose sums the accumulator holds exactly. Other numbers
    must each be within 16 * factor * eps * gauge of the exact answer. The gauge is the same operation on absolute
    values. The errors together must be even, and no larger than rounding makes them.

    Parameters
    ----------
    actual : array of any framework
        The answer to judge.
    input, filters : arrays
        In the order of axes that `data_format` and `filter_format` say.
    bias : array (O,)
        Added to each output channel.
    strides, padding, dilations, groups
        As for `reference_impl.conv2d`. Explicit padding is ((top, bottom), (left, right)).
    data_format : "NHWC" or "NCHW"
        The axes of images: those of the input and the answer.
    filter_format : the letters of "HWIO" in some order
        By default HWIO with NHWC, and OIHW with NCHW.
    dtype : str
        The dtype that the answer must have, if not that of the arguments.
    accumulate : "float16", "bfloat16", "float32" or "float64"
        The dtype in which sums are made. By default float32, or float64 for an answer in float64.
    factor : float, >= 1
        Declared by kernels that make no plain sum of products: Winograd, FFT, TF32.
    seed : int
        Decides which part of a large answer is compared with the exact one.

    Raises
    ------
    AssertionError
        If the answer is wrong. The message says where, which known mistake it fits, and what to do next.
    TypeError, ValueError
        For arguments that are no convolution, or no arrays.
    """
    __tracebackhide__ = True
    options = _options(strides, padding, dilations, groups, data_format, filter_format, dtype, accumulate, factor, seed)
    judge(actual, problem("conv2d", {"input": input, "filters": filters}, None, options | {"bias": bias}))


def assert_conv2d_backprop_input(
    actual: Any,
    input_sizes: Any,
    filters: Any,
    out_backprop: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    data_format: str = "NHWC",
    filter_format: str | None = None,
    dtype: Any = None,
    accumulate: str | None = None,
    factor: float = 1.0,
    seed: int = 0,
) -> None:
    """Require that `actual` is the gradient of `conv2d` with respect to its input; see `assert_conv2d`.

    `input_sizes` are in the order of `data_format`.
    """
    __tracebackhide__ = True
    options = _options(strides, padding, dilations, groups, data_format, filter_format, dtype, accumulate, factor, seed)
    arrays = {"filters": filters, "out_backprop": out_backprop}
    judge(actual, problem("conv2d_backprop_input", arrays, input_sizes, options))


def assert_conv2d_backprop_filter(
    actual: Any,
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    *,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    data_format: str = "NHWC",
    filter_format: str | None = None,
    dtype: Any = None,
    accumulate: str | None = None,
    factor: float = 1.0,
    seed: int = 0,
) -> None:
    """Require that `actual` is the gradient of `conv2d` with respect to its filters; see `assert_conv2d`.

    `filter_sizes`, and the answer, are in the order of `filter_format`.
    """
    __tracebackhide__ = True
    options = _options(strides, padding, dilations, groups, data_format, filter_format, dtype, accumulate, factor, seed)
    arrays = {"input": input, "out_backprop": out_backprop}
    judge(actual, problem("conv2d_backprop_filter", arrays, filter_sizes, options))


def assert_conv2d_transpose(
    actual: Any,
    input: Any,
    filters: Any,
    output_shape: Any,
    *,
    bias: Any = None,
    strides: Any = 1,
    padding: Any = "VALID",
    dilations: Any = 1,
    groups: int = 1,
    data_format: str = "NHWC",
    filter_format: str | None = None,
    dtype: Any = None,
    accumulate: str | None = None,
    factor: float = 1.0,
    seed: int = 0,
) -> None:
    """Require that `actual` is `conv2d_transpose(input, filters, output_shape) + bias`; see `assert_conv2d`.

    `filters` and all options are those of the forward convolution, as for `reference_impl.conv2d_transpose`. With
    `data_format="NCHW"`, the filters are the weight of torch's `ConvTranspose2d` as it is.
    """
    __tracebackhide__ = True
    options = _options(strides, padding, dilations, groups, data_format, filter_format, dtype, accumulate, factor, seed)
    arrays = {"input": input, "filters": filters}
    judge(actual, problem("conv2d_transpose", arrays, output_shape, options | {"bias": bias}))


def _options(*values: Any) -> dict[str, Any]:
    names = ("strides", "padding", "dilations", "groups", "data_format", "filter_format")
    return dict(zip((*names, "dtype", "accumulate", "factor", "seed"), values, strict=True))
