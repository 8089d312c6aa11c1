"""Convolution in float64 by ours, by torch, TensorFlow, JAX and onnx, by im2col, and by BLAS alone.

Each contender is a function that takes a case and returns its calls, one a product. It has its arrays in its own memory
layout before the call, so that no conversion is timed. A product that it has no function for is left out.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from threadpoolctl import threadpool_limits

import reference_impl
from reference_impl.cases.case import Case

PRODUCTS = ("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter")

Calls = dict[str, Callable[[], Any]]


def arrays(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random input, filters and out_backprop."""
    random = np.random.default_rng(0)
    input, filters, out_backprop = map(random.standard_normal, (case.input_sizes, case.filter_sizes, case.output_shape))
    return input, filters, out_backprop


def ours(case: Case) -> Calls:
    input, filters, out_backprop = arrays(case)
    forward, input_gradient, filter_gradient = (getattr(reference_impl, product) for product in PRODUCTS)
    return {
        "conv2d": lambda: forward(input, filters, **case.options),
        "conv2d_backprop_input": lambda: input_gradient(input.shape, filters, out_backprop, **case.options),
        "conv2d_backprop_filter": lambda: filter_gradient(input, filters.shape, out_backprop, **case.options),
    }


def _torch(case: Case) -> Calls:
    import torch

    input, filters, out_backprop = (
        torch.from_numpy(np.ascontiguousarray(array.transpose(axes)))
        for array, axes in zip(arrays(case), ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2)))
    )
    pads = tuple(before for before, _ in case.convolution.padding)
    options = {"stride": case.strides, "padding": pads, "groups": case.groups}
    return {
        "conv2d": lambda: torch.nn.functional.conv2d(input, filters, **options),
        "conv2d_backprop_input": lambda: torch.nn.grad.conv2d_input(input.shape, filters, out_backprop, **options),
        "conv2d_backprop_filter": lambda: torch.nn.grad.conv2d_weight(input, filters.shape, out_backprop, **options),
    }


def _tensorflow(case: Case) -> Calls:
    """Return the raw operations. On a CPU they have no gradients of groups, but depthwise operations of their own."""
    import tensorflow as tf

    raw, depthwise = tf.raw_ops, case.convolution.is_depthwise
    input, filters, out_backprop = map(tf.constant, arrays(case))
    if depthwise:
        filters = tf.transpose(filters, (0, 1, 3, 2))
    pads = [0, 0, *case.convolution.padding[0], *case.convolution.padding[1], 0, 0]
    options = {"strides": [1, *case.strides, 1], "padding": "EXPLICIT", "explicit_paddings": pads}
    forward, input_gradient, filter_gradient = (
        (raw.DepthwiseConv2dNative, raw.DepthwiseConv2dNativeBackpropInput, raw.DepthwiseConv2dNativeBackpropFilter)
        if depthwise
        else (raw.Conv2D, raw.Conv2DBackpropInput, raw.Conv2DBackpropFilter)
    )
    calls = {"conv2d": lambda: forward(input=input, filter=filters, **options).numpy()}
    if depthwise or case.groups == 1:
        both = {"out_backprop": out_backprop, **options}
        calls["conv2d_backprop_input"] = lambda: input_gradient(input_sizes=input.shape, filter=filters, **both).numpy()
        calls["conv2d_backprop_filter"] = lambda: filter_gradient(
            input=input, filter_sizes=filters.shape, **both
        ).numpy()
    return calls


def _jax(case: Case) -> Calls:
    import jax

    input, filters, out_backprop = map(jax.numpy.asarray, arrays(case))

    def forward(input: Any, filters: Any) -> Any:
        layouts = {"dimension_numbers": ("NHWC", "HWIO", "NHWC"), "feature_group_count": case.groups}
        return jax.lax.conv_general_dilated(input, filters, case.strides, case.convolution.padding, **layouts)

    def gradient(number: int, input: Any, filters: Any, out_backprop: Any) -> Any:
        return jax.vjp(forward, input, filters)[1](out_backprop)[number]

    # Arrays are arguments of what is compiled: XLA computes with constants when it compiles.
    compiled = jax.jit(forward), jax.jit(partial(gradient, 0)), jax.jit(partial(gradient, 1))
    return {
        "conv2d": lambda: compiled[0](input, filters).block_until_ready(),
        "conv2d_backprop_input": lambda: compiled[1](input, filters, out_backprop).block_until_ready(),
        "conv2d_backprop_filter": lambda: compiled[2](input, filters, out_backprop).block_until_ready(),
    }


def _onnx(case: Case) -> Calls:
    """Return the forward product alone: the ReferenceEvaluator has no gradients."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    input, filters, _ = arrays(case)
    (top, bottom), (left, right) = case.convolution.padding
    options = {"strides": case.strides, "pads": [top, left, bottom, right], "group": case.groups}
    node = helper.make_node("Conv", ["x", "w"], ["y"], **options)
    values = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, None) for name in "xwy"]
    graph = helper.make_graph([node], "conv", values[:2], values[2:])
    session = ReferenceEvaluator(helper.make_model(graph))
    feeds = {"x": input.transpose(0, 3, 1, 2).copy(), "w": filters.transpose(3, 2, 0, 1).copy()}
    return {"conv2d": lambda: session.run(None, feeds)}


def _im2col(case: Case) -> Calls:
    """Return im2col as it is written by hand: a padded copy, a view of all windows, one matrix product a group."""
    input, filters, out_backprop = arrays(case)
    (sh, sw), groups, (kh, kw) = case.strides, case.groups, case.kernel_size
    pads = ((0, 0), *case.convolution.padding, (0, 0))
    per_group, outputs = case.filter_sizes[2], case.output_shape[3] // groups
    rows, columns = case.output_shape[1:3]

    def windows(group: int) -> np.ndarray:
        padded = np.pad(input[..., group * per_group : (group + 1) * per_group], pads)
        view = sliding_window_view(padded, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
        return view.transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * per_group)

    def of(array: np.ndarray, group: int) -> np.ndarray:
        return array[..., group * outputs : (group + 1) * outputs].reshape(-1, outputs)

    def forward() -> np.ndarray:
        parts = [windows(group) @ of(filters, group) for group in range(groups)]
        return np.concatenate(parts, axis=1).reshape(case.output_shape)

    def filter_gradient() -> np.ndarray:
        parts = [windows(group).T @ of(out_backprop, group) for group in range(groups)]
        return np.concatenate(parts, axis=1).reshape(case.filter_sizes)

    def input_gradient() -> np.ndarray:
        found = np.zeros([size + sum(pad) for size, pad in zip(case.input_sizes, pads)])
        for group in range(groups):
            product = (of(out_backprop, group) @ of(filters, group).T).reshape(-1, rows, columns, kh, kw, per_group)
            channels = slice(group * per_group, (group + 1) * per_group)
            for p in range(kh):
                for q in range(kw):
                    place = found[:, p : p + rows * sh : sh, q : q + columns * sw : sw, channels]
                    place[:, :rows, :columns] += product[:, :, :, p, q]
        return found[tuple(slice(before, before + size) for (before, _), size in zip(pads, case.input_sizes))]

    return dict(zip(PRODUCTS, (forward, input_gradient, filter_gradient)))


def _blas(case: Case) -> Calls:
    """Return the matrix products alone: windows that are there already, for all groups at once."""
    groups, positions, window = case.groups, int(np.prod(case.output_shape[:3])), int(np.prod(case.filter_sizes[:3]))
    windows = np.ones((groups, positions, window))
    filters = np.ones((groups, window, case.output_shape[3] // groups))
    output = np.ones((groups, positions, case.output_shape[3] // groups))
    return {
        "conv2d": lambda: windows @ filters,
        "conv2d_backprop_input": lambda: output @ filters.transpose(0, 2, 1),
        "conv2d_backprop_filter": lambda: windows.transpose(0, 2, 1) @ output,
    }


# The contenders beside ours. Some have the name of the package that they need.
BESIDE: dict[str, Callable[[Case], Calls]] = {
    "torch": _torch,
    "tensorflow": _tensorflow,
    "jax": _jax,
    "onnx": _onnx,
    "im2col": _im2col,
    "BLAS": _blas,
}
PACKAGES = ("torch", "tensorflow", "jax", "onnx")


def load(names: list[str], threads: int) -> list[str]:
    """Import the packages of these contenders, with so many threads each. Return the contenders that are installed."""
    there = [name for name in names if name not in PACKAGES or importlib.util.find_spec(name)]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["JAX_ENABLE_X64"] = "1"
    if hasattr(os, "sched_setaffinity"):  # XLA has a thread for each processor that the process may use
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))
    if "torch" in there:
        import torch

        torch.set_num_threads(threads)
    if "tensorflow" in there:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    threadpool_limits(threads)  # NumPy's BLAS, and whatever else was loaded by now
    return there
