"""Mistakes in padding that is VALID, FULL or in numbers, in what stands for it, and in taking it away again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .altered_call import AlteredCall, Slide
from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("padding")
mistake = FAMILY.mistake


@mistake(
    "VALID pads like SAME; TensorFlow and this oracle add no zeros.",
    links=("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def valid_as_same(q: AlteredCall) -> AlteredCall:
    q = q.padded("VALID", lambda axis: axis.total // 2)
    if q.mode == "VALID" and q.asked == "output":
        return q.along(output=lambda axis: -(-axis.input // axis.stride))
    return q


@mistake("FULL padding is one short before; this oracle adds the kernel's extent less one on both sides.")
def full_off_by_one(q: AlteredCall) -> AlteredCall:
    return q.padded("FULL", lambda axis: max(axis.extent - 2, 0))


@mistake("FULL padding forgets the dilation; this oracle adds the dilated kernel's extent less one on both sides.")
def full_without_dilation(q: AlteredCall) -> AlteredCall:
    return q.padded("FULL", lambda axis: axis.kernel - 1)


@mistake(
    "Explicit padding takes before for after and after for before; TensorFlow and this oracle read ((top, bottom), "
    "(left, right))."
)
def explicit_sides_exchanged(q: AlteredCall) -> AlteredCall:
    return q.padded("EXPLICIT", lambda axis: axis.after)


@mistake(
    "Explicit padding of the height is used for the width and the width's for the height, as in the order of "
    "torch.nn.functional.pad; TensorFlow and this oracle read ((top, bottom), (left, right)).",
    links=("https://github.com/szagoruyko/nnpack.torch/issues/6",),
)
def explicit_axes_exchanged(q: AlteredCall) -> AlteredCall:
    return q.exchanged("before") if q.mode == "EXPLICIT" else q


@mistake(
    "Explicit padding is read in ONNX's order, (top, left, bottom, right); TensorFlow and this oracle read ((top, "
    "bottom), (left, right))."
)
def explicit_in_the_order_of_onnx(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(height, replace(width, before=height.after)) if q.mode == "EXPLICIT" else q


@mistake("Explicit padding is ignored; TensorFlow and this oracle add these zeros.")
def explicit_ignored(q: AlteredCall) -> AlteredCall:
    return q.padded("EXPLICIT", lambda axis: 0)


@mistake("Padding is multiplied by the dilation; TensorFlow and this oracle count it in input positions.")
def padding_in_dilated_steps(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: axis.before * axis.dilation)


@mistake("The width is not padded; TensorFlow and this oracle pad both axes.")
def width_not_padded(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return q.sliding(height, replace(width, before=0))


@mistake(
    "The filter gradient reads the image without its padding; TensorFlow and this oracle pad it as the forward "
    "convolution does.",
    FILTER_GRADIENT,
    ("https://github.com/cybertronai/autograd-hacks/issues/5",),
)
def padding_forgotten_in_filter_gradient(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: 0)


@mistake(
    "The gradient of the padded image is returned without its padding being cut off before; TensorFlow and this oracle "
    "drop what falls on the padding.",
    INPUT_GRADIENTS,
)
def padding_not_cut_off(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: 0)


@mistake(
    "Padding larger than the kernel less one counts as that much in the input gradient; in TensorFlow and this oracle "
    "the full correlation behind it is then cut, which is negative padding.",
    INPUT_GRADIENTS,
    ("https://github.com/ml-explore/mlx/issues/833",),
)
def padding_at_most_the_kernel(q: AlteredCall) -> AlteredCall:
    return q.along(before=lambda axis: min(axis.before, axis.extent - 1))


@mistake(
    "A strided transposed convolution under SAME with an odd kernel comes out shifted by one pixel; TensorFlow and "
    "this oracle cut off what the forward convolution pads.",
    INPUT_GRADIENTS,
    ("https://github.com/keras-team/keras/issues/22876",),
)
def transposed_same_shifted(q: AlteredCall) -> AlteredCall:
    def before(axis: Slide) -> int:
        return axis.before + (axis.kernel % 2 and axis.stride > 1)

    return q.padded("SAME", before)


@mistake(
    "Padding repeats the border of the image; TensorFlow and this oracle pad with zeros.", FORWARD + FILTER_GRADIENT
)
def padding_repeats_the_border(q: AlteredCall) -> np.ndarray:
    return _filled(q, "edge")


@mistake(
    "Padding wraps around to the other side of the image, as in an FFT; TensorFlow and this oracle pad with zeros.",
    FORWARD + FILTER_GRADIENT,
)
def padding_wraps_around(q: AlteredCall) -> np.ndarray:
    return _filled(q, "wrap")


@mistake(
    "Padding holds ones, or whatever was in the buffer; TensorFlow and this oracle pad with zeros.",
    FORWARD + FILTER_GRADIENT,
)
def padding_of_ones(q: AlteredCall) -> np.ndarray:
    return _filled(q, "constant", constant_values=1)


def _filled(q: AlteredCall, mode: Any, **options: Any) -> np.ndarray:
    """The answer on an image that is padded by `numpy.pad` in this mode."""
    pads = [(0, 0), *((axis.before, axis.after) for axis in q.slides), (0, 0)]
    if not all(q.shape("input")):
        return q.answer()
    padded = np.pad(q.arrays["input"], pads, mode, **options)
    whole = q.along(input=lambda axis: axis.before + axis.input + axis.after, before=lambda axis: 0)
    return whole.through("input", lambda _: padded)
