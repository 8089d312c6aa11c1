"""Mistakes about zeros: how many, on which side, of which axis, and whether they are zeros."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .mistake import FILTER_GRADIENT, FORWARD, INPUT_GRADIENTS, Family
from .question import Question, Slide

FAMILY = Family("padding")
mistake = FAMILY.mistake

_SAME = "SAME SAME_LOWER"


def _split(mode: str, total: int) -> int:
    """How much of SAME's or SAME_LOWER's total goes before."""
    return total // 2 if mode == "SAME" else total - total // 2


@mistake(
    "SAME padding puts the odd element before; TensorFlow and this oracle put it after.",
    links=("https://github.com/vtjeng/MIPVerify.jl/issues/23", "https://github.com/root-project/root/issues/21793"),
)
def same_odd_element_before(q: Question) -> Question:
    return q.padded("SAME", lambda axis: axis.total - axis.total // 2)


@mistake(
    "SAME_LOWER padding puts the odd element after, as SAME does; ONNX and this oracle put it before.",
    links=("https://github.com/microsoft/onnxruntime/issues/8769",),
)
def same_lower_odd_element_after(q: Question) -> Question:
    return q.padded("SAME_LOWER", lambda axis: axis.total // 2)


@mistake(
    "SAME padding is computed from the kernel without its dilation; TensorFlow and this oracle use the extent of the "
    "dilated kernel.",
    links=("https://github.com/jax-ml/jax/blob/main/jax/_src/lax_reference.py",),
)
def same_without_dilation(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: _split(q.mode, replace(axis, dilation=1).total))


@mistake(
    "SAME padding is computed as for stride 1, the kernel's extent less one in all, as symmetric padding in PyTorch "
    "is; TensorFlow and this oracle pad only as far as the last strided window reaches.",
    links=(
        "https://github.com/taehoonlee/tensornets/issues/25",
        "https://github.com/pytorch/pytorch/issues/67551",
    ),
)
def same_without_stride(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: _split(q.mode, axis.extent - 1))


@mistake(
    "SAME padding is half of the kernel, rounded down, on both sides; TensorFlow and this oracle split a total that "
    "depends on the stride and the image, the odd element after.",
    links=("https://github.com/root-project/root/issues/21793", "https://github.com/pytorch/pytorch/issues/3867"),
)
def same_as_half_the_kernel(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: axis.extent // 2)


@mistake(
    "SAME padding is half of the kernel's extent less one, rounded down, on both sides, and the output as large as "
    "that makes it; TensorFlow and this oracle give the image's size divided by the stride, rounded up.",
    FORWARD,
    links=("https://github.com/pytorch/pytorch/issues/3867",),
)
def same_as_symmetric_padding(q: Question) -> Question:
    def output(axis: Slide) -> int:
        return max((axis.input + 2 * ((axis.extent - 1) // 2) - axis.extent) // axis.stride + 1, 0)

    q = q.padded(_SAME, lambda axis: (axis.extent - 1) // 2)
    return q.along(output=output) if q.mode in _SAME.split() else q


@mistake(
    "SAME padding is ignored, and no zeros go before; TensorFlow and this oracle put half of the total there.",
    links=("https://github.com/microsoft/onnxruntime/issues/4698",),
)
def same_ignored(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: 0)


@mistake(
    "SAME padding of a transposed convolution is asked of symmetric padding and output_padding: the odd element goes "
    "before, and with stride 1, which leaves output_padding no room, a row is lost; TensorFlow and this oracle cut the "
    "odd element off after.",
    INPUT_GRADIENTS,
    ("https://github.com/keras-team/keras/issues/22876",),
)
def same_transposed_by_output_padding(q: Question) -> Question:
    if q.mode != "SAME":
        return q
    return q.along(
        before=lambda axis: axis.total - axis.total // 2,
        input=lambda axis: axis.input - (axis.total % 2 if axis.stride == 1 else 0),
    )


@mistake("SAME padding goes before entirely; TensorFlow and this oracle split it between both sides.")
def same_all_before(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: axis.total)


@mistake(
    "SAME padding of less than nothing, where the stride is larger than the kernel, cuts the image; TensorFlow and "
    "this oracle count a negative total as 0.",
    links=("https://github.com/microsoft/onnxruntime/issues/10086",),
)
def same_negative_total(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: _split(q.mode, axis.unclamped_total))


@mistake(
    "SAME padding is computed from the height for both axes; TensorFlow and this oracle compute each axis's from its "
    "own sizes.",
    links=("https://github.com/Oldpan/Faceswap-Deepfake-Pytorch/issues/1",),
)
def same_of_height_for_width(q: Question) -> Question:
    return q.padded(_SAME, lambda axis: q.slides[0].before)


@mistake("SAME padding uses the other axis's stride; TensorFlow and this oracle use each axis's own.")
def same_with_strides_exchanged(q: Question) -> Question:
    return _same_of(q, q.exchanged("stride"))


@mistake("SAME padding uses the other axis's dilation; TensorFlow and this oracle use each axis's own.")
def same_with_dilations_exchanged(q: Question) -> Question:
    return _same_of(q, q.exchanged("dilation"))


@mistake(
    "SAME padding is computed from the sizes of the batch and the channels, the first two axes in NHWC and NCHW taken "
    "for spatial; TensorFlow and this oracle use the height and the width.",
    links=("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def same_from_batch_and_channels(q: Question) -> Question:
    height, width = q.slides
    return _same_of(q, q.sliding(replace(height, input=q.batch), replace(width, input=q.input_channels)))


@mistake(
    "Whatever word the padding is, VALID too, an image is padded as SAME pads one as large as its batch by its "
    "channels, and refused where that is less than nothing; TensorFlow and this oracle use the height and the width.",
    FORWARD,
    ("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def words_from_batch_and_channels(q: Question) -> Question | np.ndarray:
    if q.mode not in ("VALID", *_SAME.split()):
        return q
    # With groups, each group of each image is convolved apart.
    sizes = (q.batch, q.input_channels) if q.groups == 1 else (1, q.input_channels // q.groups)
    totals = [replace(slide, input=size).unclamped_total for slide, size in zip(q.slides, sizes, strict=True)]
    if min(totals) < 0:
        raise ValueError(f"zeros must be at least 0 in number, not {totals}")
    shared = "SAME" if q.mode == "VALID" else q.mode
    rows, columns = (
        replace(slide, before=_split(shared, total), output=(slide.input - slide.extent + total) // slide.stride + 1)
        for slide, total in zip(q.slides, totals, strict=True)
    )
    return q.sliding(rows, columns).answer()[:, : max(rows.output, 0), : max(columns.output, 0)]


def _same_of(q: Question, other: Question) -> Question:
    """`q` with the SAME padding that `other` has."""
    return q.sliding(
        *(
            replace(slide, before=_split(q.mode, wrong.total)) if q.mode in _SAME.split() else slide
            for slide, wrong in zip(q.slides, other.slides, strict=True)
        )
    )


@mistake(
    "VALID pads like SAME; TensorFlow and this oracle add no zeros.",
    links=("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def valid_as_same(q: Question) -> Question:
    q = q.padded("VALID", lambda axis: axis.total // 2)
    if q.mode == "VALID" and q.asked == "output":
        return q.along(output=lambda axis: -(-axis.input // axis.stride))
    return q


@mistake("FULL padding is one short before; this oracle adds the kernel's extent less one on both sides.")
def full_off_by_one(q: Question) -> Question:
    return q.padded("FULL", lambda axis: max(axis.extent - 2, 0))


@mistake("FULL padding forgets the dilation; this oracle adds the dilated kernel's extent less one on both sides.")
def full_without_dilation(q: Question) -> Question:
    return q.padded("FULL", lambda axis: axis.kernel - 1)


@mistake(
    "Explicit padding takes before for after and after for before; TensorFlow and this oracle read ((top, bottom), "
    "(left, right))."
)
def explicit_sides_exchanged(q: Question) -> Question:
    return q.padded("EXPLICIT", lambda axis: axis.after)


@mistake(
    "Explicit padding of the height is used for the width and the width's for the height, as in the order of "
    "torch.nn.functional.pad; TensorFlow and this oracle read ((top, bottom), (left, right)).",
    links=("https://github.com/szagoruyko/nnpack.torch/issues/6",),
)
def explicit_axes_exchanged(q: Question) -> Question:
    return q.exchanged("before") if q.mode == "EXPLICIT" else q


@mistake(
    "Explicit padding is read in ONNX's order, (top, left, bottom, right); TensorFlow and this oracle read ((top, "
    "bottom), (left, right))."
)
def explicit_in_the_order_of_onnx(q: Question) -> Question:
    height, width = q.slides
    return q.sliding(height, replace(width, before=height.after)) if q.mode == "EXPLICIT" else q


@mistake("Explicit padding is ignored; TensorFlow and this oracle add these zeros.")
def explicit_ignored(q: Question) -> Question:
    return q.padded("EXPLICIT", lambda axis: 0)


@mistake("Padding is multiplied by the dilation; TensorFlow and this oracle count it in input positions.")
def padding_in_dilated_steps(q: Question) -> Question:
    return q.along(before=lambda axis: axis.before * axis.dilation)


@mistake("The width is not padded; TensorFlow and this oracle pad both axes.")
def width_not_padded(q: Question) -> Question:
    height, width = q.slides
    return q.sliding(height, replace(width, before=0))


@mistake(
    "The filter gradient reads the image without its padding; TensorFlow and this oracle pad it as the forward "
    "convolution does.",
    FILTER_GRADIENT,
    ("https://github.com/cybertronai/autograd-hacks/issues/5",),
)
def padding_forgotten_in_filter_gradient(q: Question) -> Question:
    return q.along(before=lambda axis: 0)


@mistake(
    "The gradient of the padded image is returned without its padding being cut off before; TensorFlow and this oracle "
    "drop what falls on the padding.",
    INPUT_GRADIENTS,
)
def padding_not_cut_off(q: Question) -> Question:
    return q.along(before=lambda axis: 0)


@mistake(
    "Padding larger than the kernel less one counts as that much in the input gradient; in TensorFlow and this oracle "
    "the full correlation behind it is then cut, which is negative padding.",
    INPUT_GRADIENTS,
    ("https://github.com/ml-explore/mlx/issues/833",),
)
def padding_at_most_the_kernel(q: Question) -> Question:
    return q.along(before=lambda axis: min(axis.before, axis.extent - 1))


@mistake(
    "A strided transposed convolution under SAME with an odd kernel comes out shifted by one pixel; TensorFlow and "
    "this oracle cut off what the forward convolution pads.",
    INPUT_GRADIENTS,
    ("https://github.com/keras-team/keras/issues/22876",),
)
def transposed_same_shifted(q: Question) -> Question:
    def before(axis: Slide) -> int:
        return axis.before + (axis.kernel % 2 and axis.stride > 1)

    return q.padded("SAME", before)


@mistake(
    "Padding repeats the border of the image; TensorFlow and this oracle pad with zeros.", FORWARD + FILTER_GRADIENT
)
def padding_repeats_the_border(q: Question) -> np.ndarray:
    return _filled(q, "edge")


@mistake(
    "Padding wraps around to the other side of the image, as in an FFT; TensorFlow and this oracle pad with zeros.",
    FORWARD + FILTER_GRADIENT,
)
def padding_wraps_around(q: Question) -> np.ndarray:
    return _filled(q, "wrap")


@mistake(
    "Padding holds ones, or whatever was in the buffer; TensorFlow and this oracle pad with zeros.",
    FORWARD + FILTER_GRADIENT,
)
def padding_of_ones(q: Question) -> np.ndarray:
    return _filled(q, "constant", constant_values=1)


def _filled(q: Question, mode: Any, **options: Any) -> np.ndarray:
    """The answer on an image that is padded by `numpy.pad` in this mode."""
    pads = [(0, 0), *((axis.before, axis.after) for axis in q.slides), (0, 0)]
    if not all(q.shape("input")):
        return q.answer()
    padded = np.pad(q.arrays["input"], pads, mode, **options)
    whole = q.along(input=lambda axis: axis.before + axis.input + axis.after, before=lambda axis: 0)
    return whole.through("input", lambda _: padded)
