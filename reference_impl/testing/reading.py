"""The arguments of an assertion, checked: they become a `Problem`, or an error in the caller's words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from .. import arguments, problems
from ..cases.case import DTYPES, Case
from ..exact.formats import FORMATS
from ..geometry import Convolution
from ..verdicts.call import Call
from .arrays import Given, given
from .problem import FILTERS, IMAGES, Layout, Problem


def problem(operation: str, values: dict[str, Any], sizes: Any, options: dict[str, Any]) -> Problem:
    """Check the arguments of an assertion, and return the problem.

    `values` are the arrays by name, in the operation's order; `sizes` the shape that it takes, if any.
    """
    __tracebackhide__ = True
    try:
        return _problem(operation, values, sizes, options)
    except ValueError as error:
        other = "NHWC" if options["data_format"] == "NCHW" else "NCHW"
        try:
            _problem(operation, values, sizes, {**options, "data_format": other, "filter_format": None})
        except (TypeError, ValueError):
            raise error from None
        raise ValueError(f'{error}; these arrays would fit data_format="{other}"') from None


def _problem(operation: str, values: dict[str, Any], sizes: Any, options: dict[str, Any]) -> Problem:
    __tracebackhide__ = True
    layout = Layout.checked(options["data_format"], options["filter_format"])
    read = {name: layout.read(value, name) for name, value in values.items()}
    arrays = {name: array.values for name, array in read.items()}
    geometry = {name: options[name] for name in ("strides", "padding", "dilations", "groups")}
    try:
        convolution = _convolution(operation, arrays, sizes, layout, geometry)
    except ValueError as error:
        if layout == Layout(IMAGES, FILTERS) or not re.search(r"\(\d+, \d+, \d+, \d+\)", str(error)):
            raise
        raise ValueError(f"{error} (sizes in this message are in the order {IMAGES} and {FILTERS})") from None
    dtype = _dtype(options["dtype"], list(read.values()))
    case = Case(
        convolution.batch,
        convolution.height.input_size,
        convolution.width.input_size,
        convolution.input_channels,
        convolution.kernel_size,
        convolution.output_channels,
        arguments.pair(geometry["strides"], "strides"),
        arguments.pair(geometry["dilations"], "dilations"),
        convolution.groups,
        geometry["padding"],
        dtype or next((array.dtype for array in read.values() if array.dtype in DTYPES), "int64"),
    )
    result = Problem(
        Call(operation, case, arrays),
        layout,
        dtype,
        _accumulator(options["accumulate"], dtype),
        _factor(options["factor"]),
        seed=arguments.integer(options["seed"], "seed", at_least=0),
        dtypes={name: array.dtype for name, array in read.items()},
    )
    if dtype is not None and dtype not in FORMATS and not result.holds_integers:
        raise ValueError(f"dtype must be one of {', '.join(FORMATS)} for arguments that are not whole, not {dtype}")
    return replace(result, bias=_bias(options.get("bias"), result.shape[-1]))


def _convolution(
    operation: str, arrays: dict[str, np.ndarray], sizes: Any, layout: Layout, geometry: dict[str, Any]
) -> Convolution:
    if operation == "conv2d":
        return problems.conv2d(arrays["input"], arrays["filters"], **geometry)[0]
    if operation == "conv2d_backprop_input":
        sizes = layout.sizes(sizes, "input_sizes")
        return problems.conv2d_backprop_input(sizes, arrays["filters"], arrays["out_backprop"], **geometry)[0]
    if operation == "conv2d_backprop_filter":
        sizes = layout.sizes(sizes, "filter_sizes")
        return problems.conv2d_backprop_filter(arrays["input"], sizes, arrays["out_backprop"], **geometry)[0]
    sizes = layout.sizes(sizes, "output_shape")
    return problems.conv2d_transpose(arrays["input"], arrays["filters"], sizes, **geometry)[0]


def _dtype(declared: Any, arrays: list[Given]) -> str | None:
    """The dtype of the right answer: the declared one, else that of the arguments; None for any integers."""
    if declared is not None:
        name = next((getattr(declared, name) for name in ("__name__", "name") if hasattr(declared, name)), declared)
        name = str(name).rpartition(".")[-1]  # torch.float32
        if name not in DTYPES:
            raise ValueError(f"dtype must be one of {', '.join(DTYPES)}; not {declared!r}")
        return name
    floats = {array.dtype for array in arrays if array.is_float}
    if len(floats) > 1:
        return "float64" if "float64" in floats else "float32"
    return floats.pop() if floats else None


def _accumulator(declared: Any, dtype: str | None) -> str:
    if declared is None:
        return "float64" if dtype == "float64" else "float32"
    if not isinstance(declared, str) or declared not in FORMATS:
        raise ValueError(f"accumulate must be one of {', '.join(FORMATS)}; not {declared!r}")
    return declared


def _factor(declared: Any) -> float:
    if isinstance(declared, bool) or not isinstance(declared, (int, float)):
        raise TypeError(f"factor must be a number, not {declared!r} of type {type(declared).__name__}")
    if not 1 <= declared < float("inf"):
        raise ValueError(f"factor must be at least 1, and finite; not {declared!r}")
    return float(declared)


def _bias(value: Any, channels: int) -> np.ndarray | None:
    if value is None:
        return None
    bias = given(value, "bias").values
    if bias.shape != (channels,):
        raise ValueError(f"bias must have shape ({channels},), one number for each output channel; not {bias.shape}")
    if not np.isfinite(bias).all():
        raise ValueError("bias must be finite")
    return bias.astype(np.float64 if bias.dtype.kind == "f" else np.int64)
