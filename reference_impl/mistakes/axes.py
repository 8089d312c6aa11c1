"""Mistakes about which axis is which: height and width, input and output channels, layouts, groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import right
from .altered_call import AlteredCall
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("axes")
mistake = FAMILY.mistake


def _as_if_stored(q: AlteredCall, role: str, layout: str, true: str) -> np.ndarray:
    """Return the answer if the memory of `role`, which is in layout `true`, is taken for memory in `layout`."""
    order = [true.index(letter) for letter in layout]

    def read(array: np.ndarray) -> np.ndarray:
        return array.reshape([array.shape[axis] for axis in order]).transpose(np.argsort(order))

    def write(array: np.ndarray) -> np.ndarray:
        return array.transpose(order).reshape(array.shape)

    return q.through(role, read, write)


@mistake(
    "Filters are read as (width, height, input channels, output channels).",
    right.HWIO,
    links=("https://github.com/renmengye/np-conv2d/issues/2",),
)
def filters_read_as_whio(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "filters", "WHIO", "HWIO")


@mistake(
    "Filters are read as (height, width, output channels, input channels).",
    right.HWIO,
    links=(
        "https://github.com/apache/tvm/issues/9336",
        "https://github.com/pytorch/pytorch/issues/5166",
        "https://github.com/tensorflow/tfjs-core/issues/379",
    ),
)
def filters_read_as_hwoi(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "filters", "HWOI", "HWIO")


@mistake("Filters are read as OIHW, PyTorch's layout.", right.HWIO)
def filters_read_as_oihw(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "filters", "OIHW", "HWIO")


@mistake(
    "Filters are read as IOHW, the layout of PyTorch's ConvTranspose2d with I and O as it names them.",
    right.HWIO,
    links=("https://github.com/pytorch/pytorch/issues/5166",),
)
def filters_read_as_iohw(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "filters", "IOHW", "HWIO")


@mistake("Filters are read as OHWI, the layout of MLX and TFLite.", right.HWIO)
def filters_read_as_ohwi(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "filters", "OHWI", "HWIO")


@mistake("The image is read as NCHW.", right.NHWC, FORWARD + FILTER_GRADIENT)
def image_read_as_nchw(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "input", "NCHW", "NHWC")


@mistake("The image is read column by column, as NWHC.", right.NHWC, FORWARD + FILTER_GRADIENT)
def image_read_as_nwhc(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "input", "NWHC", "NHWC")


@mistake("The image is read as CHWN, cuda-convnet's layout.", right.NHWC, FORWARD + FILTER_GRADIENT)
def image_read_as_chwn(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "input", "CHWN", "NHWC")


@mistake("The cotangent is read as NCHW.", right.NHWC, FILTER_GRADIENT + INPUT_GRADIENTS)
def cotangent_read_as_nchw(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, "output", "NCHW", "NHWC")


@mistake("The result is written as NCHW.", right.NHWC, FORWARD + INPUT_GRADIENTS)
def result_written_as_nchw(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, q.asked, "NCHW", "NHWC")


@mistake("The result is written column by column, as NWHC.", right.NHWC, FORWARD + INPUT_GRADIENTS)
def result_written_as_nwhc(q: AlteredCall) -> np.ndarray:
    return _as_if_stored(q, q.asked, "NWHC", "NHWC")


@mistake("The input channels are in reverse order, as BGR for RGB.", right.CHANNEL_ORDER)
def input_channels_reversed(q: AlteredCall) -> np.ndarray:
    return q.through("input", lambda array: array[..., ::-1])


@mistake("The output channels are all off by one, and the last one comes first.", right.CHANNEL_ORDER)
def output_channels_shifted(q: AlteredCall) -> np.ndarray:
    return q.through("output", lambda array: np.roll(array, 1, -1), lambda array: np.roll(array, -1, -1))


def _deal(array: np.ndarray, groups: int) -> np.ndarray:
    """Reorder the last axis: the first element of every group, then the second of every group, and so on."""
    blocks = array.reshape(*array.shape[:-1], groups, array.shape[-1] // groups)
    return np.swapaxes(blocks, -1, -2).reshape(array.shape)


def _gather(array: np.ndarray, groups: int) -> np.ndarray:
    """Undo `_deal`."""
    blocks = array.reshape(*array.shape[:-1], array.shape[-1] // groups, groups)
    return np.swapaxes(blocks, -1, -2).reshape(array.shape)


@mistake(
    "Input channel c belongs to group c mod groups.", right.GROUPS, links=("https://github.com/onnx/onnx/issues/2273",)
)
def groups_interleaved_in_the_input(q: AlteredCall) -> np.ndarray:
    return q.through("input", lambda array: _gather(array, q.groups), lambda array: _deal(array, q.groups))


@mistake(
    "Output channel o is written by group o mod groups.",
    right.GROUPS,
    links=("https://github.com/onnx/onnx/issues/2273",),
)
def groups_interleaved_in_the_output(q: AlteredCall) -> np.ndarray:
    return q.through("output", lambda array: _gather(array, q.groups), lambda array: _deal(array, q.groups))


@mistake(
    "The filters of a depthwise convolution are ordered copy by copy, not channel by channel.",
    "In TensorFlow and this oracle filter o = channel * copies + copy.",
    links=("https://github.com/Theano/Theano/issues/6297",),
)
def depth_multiplier_order(q: AlteredCall) -> np.ndarray:
    if q.groups != q.input_channels:
        return q.answer()
    return q.through("filters", lambda array: _gather(array, q.groups), lambda array: _deal(array, q.groups))


@mistake(
    "Output channels are dealt to the groups in turn: channel o reads group o % groups, by a filter of its own.",
    right.GROUPS,
)
def output_channels_dealt_to_groups(q: AlteredCall) -> np.ndarray:
    order = np.arange(q.output_channels).reshape(-1, q.groups).T.ravel()
    dealt = {role: array[..., order] for role, array in q.arrays.items() if role != "input"}
    answer = q.with_arrays(**dealt).answer()
    return answer if q.asked == "input" else answer[..., np.argsort(order)]


@mistake("Groups meet in reverse: the first block of inputs meets the last block of outputs.", right.GROUPS)
def groups_reversed(q: AlteredCall) -> np.ndarray:
    def reverse(array: np.ndarray) -> np.ndarray:
        blocks = array.reshape(*array.shape[:-1], q.groups, array.shape[-1] // q.groups)
        return blocks[..., ::-1, :].reshape(array.shape)

    return q.through("input", reverse)


@mistake("Every group reads the first block of input channels.", right.GROUPS, FORWARD + FILTER_GRADIENT)
def groups_all_read_the_first(q: AlteredCall) -> np.ndarray:
    block = q.input_channels // q.groups
    return q.through("input", lambda array: np.concatenate([array[..., :block]] * q.groups, -1))


@mistake("Every group uses the filters of the first group.", right.GROUPS, FORWARD + INPUT_GRADIENTS)
def groups_share_filters(q: AlteredCall) -> np.ndarray:
    block = q.output_channels // q.groups
    return q.through("filters", lambda array: np.concatenate([array[..., :block]] * q.groups, -1))


@mistake(
    "With one input channel the windows are stored tap by tap but read position by position, as happened in PyTorch "
    "1.12 to channels_last weights.",
    "TensorFlow and this oracle multiply each window by the kernel.",
    FORWARD,
    ("https://github.com/pytorch/pytorch/issues/82060", "https://github.com/pytorch/pytorch/pull/82392"),
)
def one_input_channel_windows_by_tap(q: AlteredCall) -> np.ndarray:
    if q.input_channels != 1:
        return q.answer()
    kernel, taps = q.arrays["filters"], q.arrays["filters"][..., 0].size
    one_hot = np.eye(taps, dtype=kernel.dtype).reshape(*kernel.shape[:3], taps)
    windows = replace(q, output_channels=taps).with_arrays(filters=one_hot).answer()
    by_tap = windows.transpose(0, 3, 1, 2).reshape(windows.shape)
    return by_tap @ kernel.reshape(taps, q.output_channels)
