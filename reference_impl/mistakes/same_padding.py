"""Mistakes in SAME and SAME_LOWER: of how many zeros they are, and on which side the odd one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .altered_call import AlteredCall, Slide
from .mistake import FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("padding")
mistake = FAMILY.mistake

_SAME = "SAME SAME_LOWER"


def _split(mode: str, total: int) -> int:
    """How much of SAME's or SAME_LOWER's total goes before."""
    return total // 2 if mode == "SAME" else total - total // 2


def _padded_and_sized(q: AlteredCall, total: Callable[[Slide], int]) -> AlteredCall:
    """With `total` zeros for SAME or SAME_LOWER, and as many outputs as that makes."""
    if q.mode not in _SAME.split():
        return q
    return q.along(
        before=lambda axis: _split(q.mode, total(axis)),
        output=lambda axis: max((axis.input + total(axis) - axis.extent) // axis.stride + 1, 0),
    )


@mistake(
    "SAME padding puts the odd element before; TensorFlow and this oracle put it after.",
    links=("https://github.com/vtjeng/MIPVerify.jl/issues/23", "https://github.com/root-project/root/issues/21793"),
)
def same_odd_element_before(q: AlteredCall) -> AlteredCall:
    return q.padded("SAME", lambda axis: axis.total - axis.total // 2)


@mistake(
    "SAME_LOWER padding puts the odd element after, as SAME does; ONNX and this oracle put it before.",
    links=("https://github.com/microsoft/onnxruntime/issues/8769",),
)
def same_lower_odd_element_after(q: AlteredCall) -> AlteredCall:
    return q.padded("SAME_LOWER", lambda axis: axis.total // 2)


@mistake(
    "SAME padding is computed from the kernel without its dilation; TensorFlow and this oracle use the extent of the "
    "dilated kernel.",
)
def same_without_dilation(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: _split(q.mode, replace(axis, dilation=1).total))


@mistake(
    "SAME padding is computed from the kernel without its dilation, and the output is as small as that makes it; "
    "TensorFlow and this oracle give the image's size divided by the stride, rounded up.",
    FORWARD,
    links=("https://github.com/jax-ml/jax/blob/main/jax/_src/lax_reference.py",),
)
def same_and_size_without_dilation(q: AlteredCall) -> AlteredCall:
    return _padded_and_sized(q, lambda axis: replace(axis, dilation=1).total)


@mistake(
    "SAME padding is computed as for stride 1, the kernel's extent less one in all, as symmetric padding in PyTorch "
    "is; TensorFlow and this oracle pad only as far as the last strided window reaches.",
    links=(
        "https://github.com/taehoonlee/tensornets/issues/25",
        "https://github.com/pytorch/pytorch/issues/67551",
    ),
)
def same_without_stride(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: _split(q.mode, axis.extent - 1))


@mistake(
    "SAME padding is half of the kernel, rounded down, on both sides; TensorFlow and this oracle split a total that "
    "depends on the stride and the image, the odd element after.",
    links=("https://github.com/root-project/root/issues/21793", "https://github.com/pytorch/pytorch/issues/3867"),
)
def same_as_half_the_kernel(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: axis.extent // 2)


@mistake(
    "SAME padding is half of the kernel's extent less one, rounded down, on both sides, and the output as large as "
    "that makes it; TensorFlow and this oracle give the image's size divided by the stride, rounded up.",
    FORWARD,
    links=("https://github.com/pytorch/pytorch/issues/3867",),
)
def same_as_symmetric_padding(q: AlteredCall) -> AlteredCall:
    return _padded_and_sized(q, lambda axis: (axis.extent - 1) // 2 * 2)


@mistake(
    "SAME padding is ignored, and no zeros go before; TensorFlow and this oracle put half of the total there.",
)
def same_ignored(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: 0)


@mistake(
    "SAME padding of a transposed convolution is ignored, so that its output is as large as under VALID; TensorFlow "
    "and this oracle cut it to a size from which the forward convolution comes back.",
    ("conv2d_transpose",),
    ("https://github.com/microsoft/onnxruntime/issues/4086", "https://github.com/microsoft/onnxruntime/issues/4698"),
)
def same_and_size_ignored(q: AlteredCall) -> AlteredCall:
    uncut = q.along(before=lambda axis: 0, input=lambda axis: axis.spanned)
    return uncut if q.mode in _SAME.split() else q


@mistake(
    "SAME padding of a transposed convolution is asked of symmetric padding and output_padding: the odd element goes "
    "before, and with stride 1, which leaves output_padding no room, a row is lost; TensorFlow and this oracle cut the "
    "odd element off after.",
    INPUT_GRADIENTS,
    ("https://github.com/keras-team/keras/issues/22876",),
)
def same_transposed_by_output_padding(q: AlteredCall) -> AlteredCall:
    if q.mode != "SAME":
        return q
    return q.along(
        before=lambda axis: axis.total - axis.total // 2,
        input=lambda axis: axis.input - (axis.total % 2 if axis.stride == 1 else 0),
    )


@mistake("SAME padding goes before entirely; TensorFlow and this oracle split it between both sides.")
def same_all_before(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: axis.total)


@mistake(
    "SAME padding of less than nothing, where the stride is larger than the kernel, cuts the image; TensorFlow and "
    "this oracle count a negative total as 0.",
    links=("https://github.com/microsoft/onnxruntime/issues/10086",),
)
def same_negative_total(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: _split(q.mode, axis.unclamped_total))


@mistake(
    "SAME padding is computed from the height for both axes; TensorFlow and this oracle compute each axis's from its "
    "own sizes.",
    links=("https://github.com/Oldpan/Faceswap-Deepfake-Pytorch/issues/1",),
)
def same_of_height_for_width(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: q.slides[0].before)


@mistake("SAME padding uses the other axis's stride; TensorFlow and this oracle use each axis's own.")
def same_with_strides_exchanged(q: AlteredCall) -> AlteredCall:
    return _same_of(q, q.exchanged("stride"))


@mistake("SAME padding uses the other axis's dilation; TensorFlow and this oracle use each axis's own.")
def same_with_dilations_exchanged(q: AlteredCall) -> AlteredCall:
    return _same_of(q, q.exchanged("dilation"))


@mistake(
    "SAME padding is computed from the sizes of the batch and the channels, the first two axes in NHWC and NCHW taken "
    "for spatial; TensorFlow and this oracle use the height and the width.",
    links=("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def same_from_batch_and_channels(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return _same_of(q, q.sliding(replace(height, input=q.batch), replace(width, input=q.input_channels)))


@mistake(
    "Whatever word the padding is, VALID too, an image is padded as SAME pads one as large as its batch by its "
    "channels, and refused where that is less than nothing; TensorFlow and this oracle use the height and the width.",
    FORWARD,
    ("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def words_from_batch_and_channels(q: AlteredCall) -> AlteredCall | np.ndarray:
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


def _same_of(q: AlteredCall, other: AlteredCall) -> AlteredCall:
    """`q` with the SAME padding that `other` has."""
    return q.sliding(
        *(
            replace(slide, before=_split(q.mode, wrong.total)) if q.mode in _SAME.split() else slide
            for slide, wrong in zip(q.slides, other.slides, strict=True)
        )
    )
