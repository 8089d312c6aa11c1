"""Mistakes in sizes: leftover positions, the sizes that a transposed convolution may have, rounding, empty sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from . import right
from .altered_call import AlteredCall, Slide
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("sizes")
mistake = FAMILY.mistake


def _smallest(axis: Slide) -> int:
    """Return the smallest input size that gives as many outputs."""
    return max(axis.input - min(axis.leftover, axis.stride - 1), 1)


@mistake(
    "The input gradient ends where the last window ends, and has the smallest size that fits.",
    right.INPUT_SIZE,
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
    "The input gradient has the largest size that fits, as from Keras or with output_padding.",
    right.INPUT_SIZE,
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
    "Positions after the last window are given the gradient of one more window, which repeats the last cotangent.",
    right.INPUT_SUM,
    INPUT_GRADIENTS,
)
def leftover_given_a_gradient(q: AlteredCall) -> np.ndarray:
    one_more = [(0, 0), *((0, int(axis.leftover > 0)) for axis in q.slides), (0, 0)]
    if not all(q.shape("output")):
        return q.answer()
    wider = q.along(output=lambda axis: axis.output + (axis.leftover > 0))
    return wider.through("output", lambda array: np.pad(array, one_more, "edge"))


@mistake(
    "The filter gradient has too many rows and columns where the stride leaves some of the image over.",
    "In TensorFlow and this oracle the filter gradient has the size of the filters.",
    FILTER_GRADIENT,
    ("https://github.com/meta-pytorch/opacus/issues/245",),
)
def filter_gradient_too_large(q: AlteredCall) -> AlteredCall:
    return q.along(kernel=lambda axis: axis.kernel + axis.leftover // axis.dilation)


@mistake("The last window ends where the image ends, so leftover positions are at the start.", right.WINDOWS)
def windows_aligned_at_the_end(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before - axis.leftover)


@mistake("Leftover positions are shared between both ends.", right.WINDOWS)
def windows_centred(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before - axis.leftover // 2)


@mistake(
    "The rows and columns that output_padding adds to a transposed convolution are zeros.",
    right.INPUT_SUM,
    INPUT_GRADIENTS,
    ("https://github.com/pytorch/pytorch/issues/8816", "https://github.com/pytorch/pytorch/issues/25536"),
)
def output_padding_as_zeros(q: AlteredCall) -> np.ndarray:
    answer = q.answer()
    rows, columns = (_smallest(axis) for axis in q.slides)
    answer[:, rows:] = 0
    answer[:, :, columns:] = 0
    return answer


@mistake(
    "Output sizes under SAME are rounded down.",
    right.SAME_SIZE,
    links=("https://github.com/pytorch/pytorch/issues/3867",),
)
def same_size_rounded_down(q: AlteredCall) -> AlteredCall | np.ndarray:
    if q.mode not in ("SAME", "SAME_LOWER"):
        return q
    return _with_outputs(q, lambda axis: max(axis.input // axis.stride, 1))


@mistake("Output sizes are rounded up, so a window reaches beyond the padded image.", right.OUTPUT_SIZE, FORWARD)
def size_rounded_up(q: AlteredCall) -> AlteredCall:
    return q.along(output=lambda axis: axis.output + (axis.leftover > 0))


@mistake("Output sizes are computed from the kernel without its dilation.", right.DILATION, FORWARD)
def size_without_dilation(q: AlteredCall) -> AlteredCall:
    def output(axis: Slide) -> int:
        return (axis.before + axis.input + axis.after - axis.kernel) // axis.stride + 1

    return q.along(output=output) if q.mode in ("VALID", "EXPLICIT") else q


@mistake("The output is one row short.", right.OUTPUT_SIZE, FORWARD)
def size_without_the_last(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(replace(height, output=height.output - 1), width) if height.output > 1 else q


@mistake(
    "With no input channels there are no output channels either.",
    right.EMPTY_SUM,
    FORWARD,
    ("https://github.com/pytorch/pytorch/issues/101356",),
)
def no_channels_in_none_out(q: AlteredCall) -> np.ndarray:
    return q.answer()[..., : q.output_channels if q.input_channels else 0]


def _with_outputs(q: AlteredCall, output: object) -> AlteredCall | np.ndarray:
    """Return `q` with other output sizes; elements of a given cotangent beyond them are ignored."""
    if q.asked == "output":
        return q.along(output=output)  # type: ignore[arg-type]
    rows, columns = (axis.output for axis in q.along(output=output).slides)  # type: ignore[arg-type]

    def cut(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[:, rows:] = 0
        array[:, :, columns:] = 0
        return array

    return q.through("output", cut)
