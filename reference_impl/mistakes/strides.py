"""Mistakes about steps: strides and dilations exchanged, forgotten, off by one, or of the wrong side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from .. import operations
from .altered_call import AlteredCall, Slide
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("strides")
mistake = FAMILY.mistake


@mistake(
    "The strides of height and width are exchanged; TensorFlow and this oracle take the height's first.",
    links=("https://github.com/mlpack/mlpack/issues/3376",),
)
def strides_exchanged(q: AlteredCall) -> AlteredCall:
    return q.exchanged("stride")


@mistake(
    "The width's stride is used for rows too; TensorFlow and this oracle step each axis by its own.",
    links=("https://github.com/mlpack/mlpack/issues/4050",),
)
def stride_of_width_for_height(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: q.slides[1].stride)


@mistake("The height's stride is used for columns too; TensorFlow and this oracle step each axis by its own.")
def stride_of_height_for_width(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: q.slides[0].stride)


@mistake("The stride is ignored in reading the image; TensorFlow and this oracle start a window every stride.", FORWARD)
def stride_forgotten(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1)


@mistake(
    "The filter gradient forgets the stride; in TensorFlow and this oracle it reads the windows that the forward "
    "convolution read.",
    FILTER_GRADIENT,
    (
        "https://github.com/Kulbear/deep-learning-coursera/issues/34",
        "https://github.com/cybertronai/autograd-hacks/issues/5",
    ),
)
def stride_forgotten_in_filter_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1)


@mistake(
    "The input gradient forgets the stride; in TensorFlow and this oracle it adds to the windows that the forward "
    "convolution read.",
    INPUT_GRADIENTS,
    ("https://github.com/Kulbear/deep-learning-coursera/issues/34",),
)
def stride_forgotten_in_input_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1)


@mistake("Only the height's stride is honoured; TensorFlow and this oracle stride both axes.")
def stride_of_width_ignored(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(height, replace(width, stride=1))


@mistake(
    "The input gradient forgets the stride where there are groups; in TensorFlow and this oracle the one has nothing "
    "to do with the other.",
    INPUT_GRADIENTS,
    ("https://github.com/ml-explore/mlx/issues/3800",),
)
def stride_forgotten_with_groups(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: 1) if q.groups > 1 else q


@mistake(
    "The transposed convolution puts as many zeros between elements as the stride says; in TensorFlow and this oracle "
    "it is the stride less one.",
    INPUT_GRADIENTS,
)
def one_zero_too_many_between(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: axis.stride + (axis.stride > 1))


@mistake(
    "A stride larger than the kernel counts as the kernel's extent; TensorFlow and this oracle leave out what lies "
    "between the windows.",
    links=("https://github.com/tensorflow/tensorflow/issues/11092",),
)
def stride_at_most_the_kernel(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: min(axis.stride, axis.extent))


@mistake(
    "The stride takes the last position of each step, not the first; TensorFlow and this oracle start at the first "
    "position of the padded image."
)
def stride_starts_late(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before - (axis.stride - 1))


@mistake("The stride is multiplied by the dilation; TensorFlow and this oracle count both in input positions.")
def stride_times_dilation(q: AlteredCall) -> AlteredCall:
    return q.along(stride=lambda axis: axis.stride * axis.dilation)


@mistake(
    "Strides are taken for dilations and dilations for strides; TensorFlow and this oracle move the window by the "
    "stride and its taps by the dilation."
)
def strides_and_dilations_exchanged(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(
        replace(height, stride=height.dilation, dilation=height.stride),
        replace(width, stride=width.dilation, dilation=width.stride),
    )


@mistake("The dilations of height and width are exchanged; TensorFlow and this oracle take the height's first.")
def dilations_exchanged(q: AlteredCall) -> AlteredCall:
    return q.exchanged("dilation")


@mistake("The dilation is ignored; TensorFlow and this oracle spread the taps by it.", FORWARD)
def dilation_forgotten(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1)


@mistake(
    "The filter gradient forgets the dilation; in TensorFlow and this oracle it reads what the forward taps read.",
    FILTER_GRADIENT,
    ("https://github.com/cybertronai/autograd-hacks/issues/3",),
)
def dilation_forgotten_in_filter_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1)


@mistake(
    "The input gradient forgets the dilation; in TensorFlow and this oracle it adds where the forward taps read.",
    INPUT_GRADIENTS,
)
def dilation_forgotten_in_input_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1)


@mistake(
    "The input gradient forgets the dilation where there is a stride; in TensorFlow and this oracle they are "
    "independent.",
    INPUT_GRADIENTS,
    ("https://github.com/apache/mxnet/issues/11203",),
)
def dilation_forgotten_with_stride(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1 if axis.stride > 1 else axis.dilation)


@mistake(
    "Under SAME the dilation is ignored, in the padding and in the taps; TensorFlow and this oracle spread the taps by "
    "it, and pad for the dilated kernel.",
    links=("https://github.com/PaddlePaddle/Paddle/blob/v2.6.2/paddle/phi/kernels/cpu/conv_util.h",),
)
def dilation_forgotten_under_same(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: 1).padded("SAME", lambda axis: axis.total // 2) if q.mode == "SAME" else q


@mistake(
    "The input gradient gathers, for each position, from every window in steps of the dilation, and from the tap that "
    "the distance divided by the dilation is, rounded down; in TensorFlow and this oracle a window reaches only the "
    "positions that its taps read.",
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
    """Each tap, and a matrix that is 1 where a position (its row) gathers by this tap from a window (its column)."""
    taps = np.full((axis.input, axis.output), -1)
    for position, row in enumerate(taps, axis.before):
        inside = position < axis.extent
        first = position % axis.dilation if inside else (position - axis.extent) // axis.stride + 1
        for window in range(first, min(position // axis.stride + 1, axis.output), axis.dilation):
            row[window] = (position - window * axis.stride) // axis.dilation
    for tap in range(axis.kernel):
        yield tap, (taps == tap).astype(np.int64)


@mistake(
    "The dilation is one too small, as where it is counted from 0; TensorFlow and this oracle count from 1, and 1 is "
    "none."
)
def dilation_minus_one(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: max(axis.dilation - 1, 1))


@mistake(
    "The dilation is one too large, as by a library that counts it from 0; TensorFlow and this oracle count from 1, "
    "and 1 is none."
)
def dilation_plus_one(q: AlteredCall) -> AlteredCall:
    return q.along(dilation=lambda axis: axis.dilation + 1)


@mistake(
    "The dilation spreads the image, not the kernel (lhs_dilation for rhs_dilation in JAX); TensorFlow and this oracle "
    "spread the kernel."
)
def dilation_of_the_image(q: AlteredCall) -> np.ndarray:
    steps = (slice(None), *(slice(None, None, axis.dilation) for axis in q.slides))
    spread = q.along(input=lambda axis: (axis.input - 1) * axis.dilation + 1, dilation=lambda axis: 1)

    def spread_out(array: np.ndarray) -> np.ndarray:
        wide = np.zeros(spread.shape("input"), array.dtype)
        wide[steps] = array
        return wide

    return spread.through("input", spread_out, lambda answer: answer[steps])
