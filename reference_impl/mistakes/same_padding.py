"""Mistakes in SAME and SAME_LOWER padding: the number of zeros, and the side of the odd one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from . import right
from .altered_call import AlteredCall, Slide
from .mistake import FORWARD, INPUT_GRADIENTS, Family

FAMILY = Family("padding")
mistake = FAMILY.mistake

_SAME = "SAME SAME_LOWER"


def _split(mode: str, total: int) -> int:
    """Return the part of SAME's or SAME_LOWER's total that goes before."""
    return total // 2 if mode == "SAME" else total - total // 2


def _padded_and_sized(q: AlteredCall, total: Callable[[Slide], int]) -> AlteredCall:
    """Return `q` with `total` zeros under SAME or SAME_LOWER, and as many outputs as follow from that."""
    if q.mode not in _SAME.split():
        return q
    return q.along(
        before=lambda axis: _split(q.mode, total(axis)),
        output=lambda axis: max((axis.input + total(axis) - axis.extent) // axis.stride + 1, 0),
    )


@mistake(
    "SAME padding puts the odd element before.",
    right.SAME_SPLIT,
    links=("https://github.com/vtjeng/MIPVerify.jl/issues/23", "https://github.com/root-project/root/issues/21793"),
)
def same_odd_element_before(q: AlteredCall) -> AlteredCall:
    return q.padded("SAME", lambda axis: axis.total - axis.total // 2)


@mistake(
    "SAME_LOWER padding puts the odd element after, as SAME does.",
    right.SAME_SPLIT,
    links=("https://github.com/microsoft/onnxruntime/issues/8769",),
)
def same_lower_odd_element_after(q: AlteredCall) -> AlteredCall:
    return q.padded("SAME_LOWER", lambda axis: axis.total // 2)


@mistake("SAME padding is computed from the kernel without its dilation.", right.DILATION)
def same_without_dilation(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: _split(q.mode, replace(axis, dilation=1).total))


@mistake(
    "SAME padding is computed from the kernel without its dilation, and the output is as small as that makes it.",
    right.SAME_SIZE,
    FORWARD,
    links=("https://github.com/jax-ml/jax/blob/main/jax/_src/lax_reference.py",),
)
def same_and_size_without_dilation(q: AlteredCall) -> AlteredCall:
    return _padded_and_sized(q, lambda axis: replace(axis, dilation=1).total)


@mistake(
    "SAME padding is computed as for stride 1, the kernel's extent less one in all, like symmetric padding in PyTorch.",
    right.SAME_TOTAL,
    links=("https://github.com/taehoonlee/tensornets/issues/25", "https://github.com/pytorch/pytorch/issues/67551"),
)
def same_without_stride(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: _split(q.mode, axis.extent - 1))


@mistake(
    "SAME padding is half of the kernel's extent, rounded down, on both sides.",
    right.SAME_SPLIT,
    links=("https://github.com/root-project/root/issues/21793", "https://github.com/pytorch/pytorch/issues/3867"),
)
def same_as_half_the_kernel(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: axis.extent // 2)


@mistake(
    "SAME padding is half of the kernel's extent less one, rounded down, on both sides, and the output is as large as "
    "that makes it.",
    right.SAME_SIZE,
    FORWARD,
    links=("https://github.com/pytorch/pytorch/issues/3867",),
)
def same_as_symmetric_padding(q: AlteredCall) -> AlteredCall:
    return _padded_and_sized(q, lambda axis: (axis.extent - 1) // 2 * 2)


@mistake("SAME padding is ignored, and no zeros go before.", right.SAME_SPLIT)
def same_ignored(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: 0)


@mistake(
    "SAME padding of a transposed convolution is ignored, so its output is as large as under VALID.",
    "TensorFlow and this oracle cut the output to a size from which the forward convolution comes back.",
    ("conv2d_transpose",),
    ("https://github.com/microsoft/onnxruntime/issues/4086", "https://github.com/microsoft/onnxruntime/issues/4698"),
)
def same_and_size_ignored(q: AlteredCall) -> AlteredCall:
    uncut = q.along(before=lambda axis: 0, input=lambda axis: axis.spanned)
    return uncut if q.mode in _SAME.split() else q


@mistake(
    "SAME padding of a transposed convolution is made from symmetric padding and output_padding: the odd element goes "
    "before and, at stride 1, where output_padding has no room, a row is lost.",
    right.CUT_OFF,
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


@mistake("SAME padding goes before entirely.", right.SAME_SPLIT)
def same_all_before(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: axis.total)


@mistake(
    "SAME padding is negative where the stride is larger than the kernel, and cuts the image.",
    "TensorFlow and this oracle count a negative total as 0.",
    links=("https://github.com/microsoft/onnxruntime/issues/10086",),
)
def same_negative_total(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: _split(q.mode, axis.unclamped_total))


@mistake(
    "SAME padding is computed from the height for both axes.",
    right.SAME_TOTAL,
    links=("https://github.com/Oldpan/Faceswap-Deepfake-Pytorch/issues/1",),
)
def same_of_height_for_width(q: AlteredCall) -> AlteredCall:
    return q.padded(_SAME, lambda axis: q.slides[0].before)


@mistake("SAME padding of each axis is computed with the other axis's stride.", right.SAME_TOTAL)
def same_with_strides_exchanged(q: AlteredCall) -> AlteredCall:
    return _same_of(q, q.exchanged("stride"))


@mistake("SAME padding of each axis is computed with the other axis's dilation.", right.SAME_TOTAL)
def same_with_dilations_exchanged(q: AlteredCall) -> AlteredCall:
    return _same_of(q, q.exchanged("dilation"))


@mistake(
    "SAME padding is computed from the sizes of the batch and the channels, as if the first two axes of NCHW were the "
    "spatial ones.",
    right.SAME_TOTAL,
    links=("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def same_from_batch_and_channels(q: AlteredCall) -> AlteredCall:
    height, width = q.slides
    return _same_of(q, q.sliding(replace(height, input=q.batch), replace(width, input=q.input_channels)))


@mistake(
    "VALID, SAME and SAME_LOWER all pad an image as SAME pads one of size batch by channels, and refuse the call where "
    "that takes less than nothing.",
    "TensorFlow and this oracle pad by the height and the width, and add no zeros under VALID.",
    FORWARD,
    ("https://github.com/onnx/onnx/blob/v1.16.2/onnx/reference/ops/op_conv.py",),
)
def words_from_batch_and_channels(q: AlteredCall) -> AlteredCall | np.ndarray:
    if q.mode not in ("VALID", *_SAME.split()):
        return q
    # With groups, this kernel convolves each group of each image by itself.
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
    """Return `q` with the SAME padding that `other` has."""
    return q.sliding(
        *(
            replace(slide, before=_split(q.mode, wrong.total)) if q.mode in _SAME.split() else slide
            for slide, wrong in zip(q.slides, other.slides, strict=True)
        )
    )
