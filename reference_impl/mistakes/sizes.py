"""Mistakes about sizes: leftover positions, the several sizes of a transposed convolution, rounding, empty sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .altered_call import AlteredCall, Slide
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("sizes")
mistake = FAMILY.mistake


def _smallest(axis: Slide) -> int:
    """The smallest input that has as many outputs."""
    return max(axis.input - min(axis.leftover, axis.stride - 1), 1)


@mistake(
    "The input gradient ends where the last window does, and has the smallest size that fits; TensorFlow's and this "
    "oracle's has the size of the input, zero where no window reads.",
    INPUT_GRADIENTS,
    (
        "https://github.com/torch/DEPRECEATED-torch7-distro/issues/20",
        "https://github.com/f-dangel/backpack/issues/30",
        "https://github.com/flagos-ai/FlagGems/issues/1576",
        "https://github.com/pytorch/pytorch/issues/5057",
        "https://github.com/tensorflow/tensorflow/issues/2118",
    ),
)
def leftover_dropped(q: AlteredCall) -> AlteredCall:
    return q.along(input=_smallest)


@mistake(
    "The input gradient has the largest size that fits, as from Keras or with output_padding; TensorFlow's and this "
    "oracle's has the size that is asked for.",
    INPUT_GRADIENTS,
    (
        "https://github.com/keras-team/keras/issues/9883",
        "https://github.com/PKUFlyingPig/CMU10-714/issues/6",
        "https://github.com/tinygrad/tinygrad/issues/875",
    ),
)
def largest_legal_size(q: AlteredCall) -> AlteredCall:
    return q.along(input=lambda axis: _smallest(axis) + axis.stride - 1)


@mistake(
    "Positions after the last window are given the gradient of one more window, that repeats the last cotangent; in "
    "TensorFlow and this oracle what no window reads has gradient 0.",
    INPUT_GRADIENTS,
)
def leftover_given_a_gradient(q: AlteredCall) -> np.ndarray:
    one_more = [(0, 0), *((0, int(axis.leftover > 0)) for axis in q.slides), (0, 0)]
    if not all(q.shape("output")):
        return q.answer()
    wider = q.along(output=lambda axis: axis.output + (axis.leftover > 0))
    return wider.through("output", lambda array: np.pad(array, one_more, "edge"))


@mistake(
    "The filter gradient has rows and columns too many where the stride leaves some of the image over; TensorFlow's "
    "and this oracle's has the size of the filters.",
    FILTER_GRADIENT,
    ("https://github.com/meta-pytorch/opacus/issues/245",),
)
def filter_gradient_too_large(q: AlteredCall) -> AlteredCall:
    return q.along(kernel=lambda axis: axis.kernel + axis.leftover // axis.dilation)


@mistake(
    "Leftover positions are left at the start, the last window ending where the image ends; in TensorFlow and this "
    "oracle the first window starts where the padded image starts."
)
def windows_aligned_at_the_end(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before - axis.leftover)


@mistake("Leftover positions are shared between both ends; TensorFlow and this oracle leave them at the end.")
def windows_centred(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before - axis.leftover // 2)


@mistake(
    "The rows that output_padding adds to a transposed convolution are zeros; in TensorFlow and this oracle windows "
    "that reach them add to them.",
    INPUT_GRADIENTS,
    (
        "https://github.com/pytorch/pytorch/issues/8816",
        "https://github.com/pytorch/pytorch/issues/25536",
    ),
)
def output_padding_as_zeros(q: AlteredCall) -> np.ndarray:
    answer = q.answer()
    rows, columns = (_smallest(axis) for axis in q.slides)
    answer[:, rows:] = 0
    answer[:, :, columns:] = 0
    return answer


@mistake(
    "Output sizes under SAME are rounded down; TensorFlow's and this oracle's are ceil(size / stride).",
    links=("https://github.com/pytorch/pytorch/issues/3867",),
)
def same_size_rounded_down(q: AlteredCall) -> AlteredCall | np.ndarray:
    if q.mode not in ("SAME", "SAME_LOWER"):
        return q
    return _with_outputs(q, lambda axis: max(axis.input // axis.stride, 1))


@mistake(
    "Output sizes are rounded up, so that a window reaches beyond the padded image; TensorFlow's and this oracle's are "
    "rounded down after padding.",
    FORWARD,
)
def size_rounded_up(q: AlteredCall) -> AlteredCall:
    return q.along(output=lambda axis: axis.output + (axis.leftover > 0))


@mistake(
    "Output sizes are computed from the kernel without its dilation; TensorFlow and this oracle use the extent of the "
    "dilated kernel.",
    FORWARD,
)
def size_without_dilation(q: AlteredCall) -> AlteredCall:
    def output(axis: Slide) -> int:
        return (axis.before + axis.input + axis.after - axis.kernel) // axis.stride + 1

    return q.along(output=output) if q.mode in ("VALID", "EXPLICIT") else q


@mistake(
    "The output is one row short; TensorFlow's and this oracle's has floor((padded size - extent) / stride) + 1.",
    FORWARD,
)
def size_without_the_last(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(replace(height, output=height.output - 1), width) if height.output > 1 else q


@mistake(
    "No input channels give no output channels; in this oracle an empty sum is zero, for every filter.",
    FORWARD,
    ("https://github.com/pytorch/pytorch/issues/101356",),
)
def no_channels_in_none_out(q: AlteredCall) -> np.ndarray:
    return q.answer()[..., : q.output_channels if q.input_channels else 0]


def _with_outputs(q: AlteredCall, output: object) -> AlteredCall | np.ndarray:
    """`q` with other output sizes; what a given cotangent has beyond them is ignored."""
    if q.asked == "output":
        return q.along(output=output)  # type: ignore[arg-type]
    rows, columns = (axis.output for axis in q.along(output=output).slides)  # type: ignore[arg-type]

    def cut(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[:, rows:] = 0
        array[:, :, columns:] = 0
        return array

    return q.through("output", cut)
