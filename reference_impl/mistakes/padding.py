"""Mistakes in VALID, FULL and explicit padding, in the values that pad, and in cutting padding off again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from . import right
from .altered_call import AlteredCall, Slide
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("padding")
mistake = FAMILY.mistake


@mistake(
    "VALID pads like SAME.",
    "TensorFlow and this oracle add no zeros under VALID.",
    links=("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def valid_as_same(q: AlteredCall) -> AlteredCall:
    q = q.padded("VALID", lambda axis: axis.total // 2)
    if q.mode == "VALID" and q.asked == "output":
        return q.along(output=lambda axis: -(-axis.input // axis.stride))
    return q


@mistake("FULL padding has one zero too few before.", right.FULL)
def full_off_by_one(q: AlteredCall) -> AlteredCall:
    return q.padded("FULL", lambda axis: max(axis.extent - 2, 0))


@mistake("FULL padding forgets the dilation.", right.FULL)
def full_without_dilation(q: AlteredCall) -> AlteredCall:
    return q.padded("FULL", lambda axis: axis.kernel - 1)


@mistake("Explicit padding takes before for after and after for before.", right.EXPLICIT)
def explicit_sides_exchanged(q: AlteredCall) -> AlteredCall:
    return q.padded("EXPLICIT", lambda axis: axis.after)


@mistake(
    "Explicit padding of height and width is exchanged, as in the order of torch.nn.functional.pad.",
    right.EXPLICIT,
    links=("https://github.com/szagoruyko/nnpack.torch/issues/6",),
)
def explicit_axes_exchanged(q: AlteredCall) -> AlteredCall:
    return q.exchanged("before") if q.mode == "EXPLICIT" else q


@mistake("Explicit padding is read in ONNX's order, (top, left, bottom, right).", right.EXPLICIT)
def explicit_in_the_order_of_onnx(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(height, replace(width, before=height.after)) if q.mode == "EXPLICIT" else q


@mistake("Explicit padding is ignored.", right.EXPLICIT)
def explicit_ignored(q: AlteredCall) -> AlteredCall:
    return q.padded("EXPLICIT", lambda axis: 0)


@mistake("Padding is multiplied by the dilation.", right.IN_POSITIONS)
def padding_in_dilated_steps(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before * axis.dilation)


@mistake("The width is not padded.", right.PADDED)
def width_not_padded(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(height, replace(width, before=0))


@mistake(
    "The filter gradient reads the image without its padding.",
    right.FILTER_GRADIENT_READS,
    FILTER_GRADIENT,
    ("https://github.com/cybertronai/autograd-hacks/issues/5",),
)
def padding_forgotten_in_filter_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: 0)


@mistake(
    "The gradient of the padded image is returned without cutting off the padding before.",
    right.CUT_OFF,
    INPUT_GRADIENTS,
)
def padding_not_cut_off(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: 0)


@mistake(
    "In the input gradient, padding larger than the kernel less one counts as the kernel less one.",
    "In TensorFlow and this oracle larger padding cuts the full correlation behind the gradient, as negative padding.",
    INPUT_GRADIENTS,
    ("https://github.com/ml-explore/mlx/issues/833",),
)
def padding_at_most_the_kernel(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: min(axis.before, axis.extent - 1))


@mistake(
    "A strided transposed convolution under SAME with an odd kernel is shifted by one pixel.",
    right.CUT_OFF,
    INPUT_GRADIENTS,
    ("https://github.com/keras-team/keras/issues/22876",),
)
def transposed_same_shifted(q: AlteredCall) -> AlteredCall:
    def before(axis: Slide) -> int:
        return axis.before + (axis.kernel % 2 and axis.stride > 1)

    return q.padded("SAME", before)


@mistake("Padding repeats the border of the image.", right.ZEROS, FORWARD + FILTER_GRADIENT)
def padding_repeats_the_border(q: AlteredCall) -> np.ndarray:
    return _filled(q, "edge")


@mistake("Padding wraps around to the other side of the image, as in an FFT.", right.ZEROS, FORWARD + FILTER_GRADIENT)
def padding_wraps_around(q: AlteredCall) -> np.ndarray:
    return _filled(q, "wrap")


@mistake("Padding holds ones, or whatever was in the buffer.", right.ZEROS, FORWARD + FILTER_GRADIENT)
def padding_of_ones(q: AlteredCall) -> np.ndarray:
    return _filled(q, "constant", constant_values=1)


def _filled(q: AlteredCall, mode: Any, **options: Any) -> np.ndarray:
    """Return the answer on an image that `numpy.pad` pads in this mode."""
    pads = [(0, 0), *((axis.before, axis.after) for axis in q.slides), (0, 0)]
    if not all(q.shape("input")):
        return q.answer()
    padded = np.pad(q.arrays["input"], pads, mode, **options)
    whole = q.along(input=lambda axis: axis.before + axis.input + axis.after, before=lambda axis: 0)
    return whole.through("input", lambda _: padded)
