"""Mistakes in strides and dilations: exchanged, forgotten, off by one, or used on the wrong array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from .. import operations
from . import right
from .altered_call import AlteredCall, Slide
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("strides")
mistake = FAMILY.mistake


@mistake(
    "The strides of height and width are exchanged.",
    right.HEIGHT_FIRST,
    links=("https://github.com/mlpack/mlpack/issues/3376",),
)
def strides_exchanged(q: AlteredCall) -> AlteredCall:
    return q.exchanged("stride")


@mistake(
    "The width's stride is used for rows too.",
    right.OWN_STRIDE,
    links=("https://github.com/mlpack/mlpack/issues/4050",),
)
def stride_of_width_for_height(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: q.slides[1].stride)


@mistake("The height's stride is used for columns too.", right.OWN_STRIDE)
def stride_of_height_for_width(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: q.slides[0].stride)


@mistake("The stride is ignored when the image is read.", right.WINDOWS, FORWARD)
def stride_forgotten(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1)


@mistake(
    "The filter gradient forgets the stride.",
    right.FILTER_GRADIENT_READS,
    FILTER_GRADIENT,
    (
        "https://github.com/Kulbear/deep-learning-coursera/issues/34",
        "https://github.com/cybertronai/autograd-hacks/issues/5",
    ),
)
def stride_forgotten_in_filter_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1)


@mistake(
    "The input gradient forgets the stride.",
    right.INPUT_GRADIENT_ADDS,
    INPUT_GRADIENTS,
    ("https://github.com/Kulbear/deep-learning-coursera/issues/34",),
)
def stride_forgotten_in_input_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1)


@mistake("Only the height's stride is used; the width's is ignored.", right.OWN_STRIDE)
def stride_of_width_ignored(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(height, replace(width, stride=1))


@mistake(
    "The input gradient forgets the stride where there are groups.",
    right.INPUT_GRADIENT_ADDS,
    INPUT_GRADIENTS,
    ("https://github.com/ml-explore/mlx/issues/3800",),
)
def stride_forgotten_with_groups(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1) if q.groups > 1 else q


@mistake(
    "The transposed convolution puts as many zeros between elements as the stride.",
    "TensorFlow and this oracle put one fewer: the stride less one.",
    INPUT_GRADIENTS,
)
def one_zero_too_many_between(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: axis.stride + (axis.stride > 1))


@mistake(
    "A stride larger than the kernel counts as the kernel's extent.",
    right.WINDOWS,
    links=("https://github.com/tensorflow/tensorflow/issues/11092",),
)
def stride_at_most_the_kernel(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: min(axis.stride, axis.extent))


@mistake("Windows start at the last position of each stride, not at the first.", right.WINDOWS)
def stride_starts_late(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before - (axis.stride - 1))


@mistake("The stride is multiplied by the dilation.", right.IN_POSITIONS)
def stride_times_dilation(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: axis.stride * axis.dilation)


@mistake("Strides are taken for dilations, and dilations for strides.", right.STRIDE_OR_DILATION)
def strides_and_dilations_exchanged(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(
        replace(height, stride=height.dilation, dilation=height.stride),
        replace(width, stride=width.dilation, dilation=width.stride),
    )


@mistake("The dilations of height and width are exchanged.", right.HEIGHT_FIRST)
def dilations_exchanged(q: AlteredCall) -> AlteredCall:
    return q.exchanged("dilation")


@mistake("The dilation is ignored.", right.DILATION, FORWARD)
def dilation_forgotten(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1)


@mistake(
    "The filter gradient forgets the dilation.",
    right.FILTER_GRADIENT_READS,
    FILTER_GRADIENT,
    ("https://github.com/cybertronai/autograd-hacks/issues/3",),
)
def dilation_forgotten_in_filter_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1)


@mistake("The input gradient forgets the dilation.", right.INPUT_GRADIENT_ADDS, INPUT_GRADIENTS)
def dilation_forgotten_in_input_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1)


@mistake(
    "The input gradient forgets the dilation where there is a stride.",
    right.INPUT_GRADIENT_ADDS,
    INPUT_GRADIENTS,
    ("https://github.com/apache/mxnet/issues/11203",),
)
def dilation_forgotten_with_stride(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1 if axis.stride > 1 else axis.dilation)


@mistake(
    "Under SAME the dilation is ignored, in the padding and in the taps.",
    right.DILATION,
    links=("https://github.com/PaddlePaddle/Paddle/blob/v2.6.2/paddle/phi/kernels/cpu/conv_util.h",),
)
def dilation_forgotten_under_same(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1).padded("SAME", lambda axis: axis.total // 2) if q.mode == "SAME" else q


@mistake(
    "Each position of the input gradient gathers from windows in steps of the dilation, and takes as tap its distance "
    "from the window divided by the dilation, rounded down.",
    right.INPUT_GRADIENT_ADDS,
    INPUT_GRADIENTS,
    ("https://github.com/apache/mxnet/issues/11203", "https://github.com/apache/mxnet/pull/14031"),
)
def dilation_steps_over_windows(q: AlteredCall) -> np.ndarray:
    height, width = q.slides
    answer = np.zeros(q.shape("input"), q.arrays["output"].dtype)
    for (row, rows), (column, columns) in product(_gathered(height), _gathered(width)):
        tap = q.arrays["filters"][row : row + 1, column : column + 1]
        by_window = operations.conv2d_backprop_input(
            (*q.shape("output")[:3], q.input_channels), tap, q.arrays["output"], groups=q.groups
        )
        answer += np.einsum("yp,npxc->nyxc", rows, np.einsum("xr,nprc->npxc", columns, by_window))
    return answer


def _gathered(axis: Slide) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each tap with a matrix: 1 where a position (row) gathers from a window (column) by this tap, else 0."""
    taps = np.full((axis.input, axis.output), -1)
    for position, row in enumerate(taps, axis.before):
        inside = position < axis.extent
        first = position % axis.dilation if inside else (position - axis.extent) // axis.stride + 1
        for window in range(first, min(position // axis.stride + 1, axis.output), axis.dilation):
            row[window] = (position - window * axis.stride) // axis.dilation
    for tap in range(axis.kernel):
        yield tap, (taps == tap).astype(np.int64)


@mistake("The dilation is one too small, as where it is counted from 0.", right.DILATION_FROM_1)
def dilation_minus_one(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: max(axis.dilation - 1, 1))


@mistake("The dilation is one too large, as by a library that counts it from 0.", right.DILATION_FROM_1)
def dilation_plus_one(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: axis.dilation + 1)


@mistake(
    "The dilation spreads the image instead of the kernel (in JAX, lhs_dilation in place of rhs_dilation).",
    right.DILATION,
)
def dilation_of_the_image(q: AlteredCall) -> np.ndarray:
    steps = (slice(None), *(slice(None, None, axis.dilation) for axis in q.slides))
    spread = q.along(input=lambda axis: (axis.input - 1) * axis.dilation + 1, dilation=lambda axis: 1)

    def spread_out(array: np.ndarray) -> np.ndarray:
        wide = np.zeros(spread.shape("input"), array.dtype)
        wide[steps] = array
        return wide

    return spread.through("input", spread_out, lambda answer: answer[steps])
