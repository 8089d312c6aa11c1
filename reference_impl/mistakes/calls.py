"""Mistakes in reading the call: with a stride, dilation or padding that is wrong, the output's shape is wrong too."""

from __future__ import annotations

from . import right
from .altered_call import AlteredCall
from .mistake import FORWARD, Family

FAMILY = Family("calls")
mistake = FAMILY.mistake


@mistake(
    "The strides of height and width are exchanged, in the output's size too.",
    right.HEIGHT_FIRST,
    FORWARD,
    ("https://github.com/mlpack/mlpack/issues/3376",),
)
def strides_and_sizes_exchanged(q: AlteredCall) -> AlteredCall:
    return q.called(strides=q.strides[::-1])


@mistake("The height's stride is used for columns too, and for how many there are.", right.OWN_STRIDE, FORWARD)
def size_by_stride_of_height(q: AlteredCall) -> AlteredCall:
    return q.called(strides=(q.strides[0], q.strides[0]))


@mistake("The width's stride is used for rows too, and for how many there are.", right.OWN_STRIDE, FORWARD)
def size_by_stride_of_width(q: AlteredCall) -> AlteredCall:
    return q.called(strides=(q.strides[1], q.strides[1]))


@mistake("There is no stride: the output has a window at every position.", right.WINDOWS, FORWARD)
def size_without_stride(q: AlteredCall) -> AlteredCall:
    return q.called(strides=(1, 1))


@mistake("Columns are not strided, so the output is too wide.", right.OWN_STRIDE, FORWARD)
def size_without_stride_of_width(q: AlteredCall) -> AlteredCall:
    return q.called(strides=(q.strides[0], 1))


@mistake("Rows are not strided, so the output is too high.", right.OWN_STRIDE, FORWARD)
def size_without_stride_of_height(q: AlteredCall) -> AlteredCall:
    return q.called(strides=(1, q.strides[1]))


@mistake("The dilations of height and width are exchanged, in the output's size too.", right.HEIGHT_FIRST, FORWARD)
def dilations_and_sizes_exchanged(q: AlteredCall) -> AlteredCall:
    return q.called(dilations=q.dilations[::-1])


@mistake("There is no dilation, and the output has the size of an undilated convolution.", right.DILATION, FORWARD)
def size_and_taps_without_dilation(q: AlteredCall) -> AlteredCall:
    return q.called(dilations=(1, 1))


@mistake(
    "The dilation is one too large, in the output's size too, as by a library that counts it from 0.",
    right.DILATION_FROM_1,
    FORWARD,
)
def size_with_dilation_plus_one(q: AlteredCall) -> AlteredCall:
    return q.called(dilations=tuple(dilation + 1 for dilation in q.dilations))


@mistake(
    "The dilation is one too small, in the output's size too, as where it is counted from 0.",
    right.DILATION_FROM_1,
    FORWARD,
)
def size_with_dilation_minus_one(q: AlteredCall) -> AlteredCall:
    return q.called(dilations=tuple(max(dilation - 1, 1) for dilation in q.dilations))


@mistake(
    "Strides are taken for dilations and dilations for strides, in the output's size too.",
    right.STRIDE_OR_DILATION,
    FORWARD,
)
def size_with_strides_and_dilations_exchanged(q: AlteredCall) -> AlteredCall:
    return q.called(strides=q.dilations, dilations=q.strides)


@mistake("Padding is ignored: the output has only the windows that lie inside the image.", right.PADDED, FORWARD)
def size_without_padding(q: AlteredCall) -> AlteredCall:
    return q.called(padding="VALID")


@mistake(
    "SAME pads half of the kernel's extent on both sides, so even kernels give one output more.",
    right.SAME_SIZE,
    FORWARD,
    ("https://github.com/pytorch/pytorch/issues/3867",),
)
def size_with_half_the_kernel_for_same(q: AlteredCall) -> AlteredCall:
    if q.mode not in ("SAME", "SAME_LOWER"):
        return q
    height, width = (axis.extent // 2 for axis in q.slides)
    return q.called(padding=((height, height), (width, width)))


@mistake(
    "Explicit padding of height and width is exchanged, in the output's size too.",
    right.EXPLICIT,
    FORWARD,
    ("https://github.com/szagoruyko/nnpack.torch/issues/6",),
)
def pads_and_sizes_exchanged(q: AlteredCall) -> AlteredCall:
    return q if isinstance(q.padding, str) else q.called(padding=q.padding[::-1])


@mistake(
    "Explicit padding is read in ONNX's order, (top, left, bottom, right), for the output's size too.",
    right.EXPLICIT,
    FORWARD,
)
def size_with_pads_in_the_order_of_onnx(q: AlteredCall) -> AlteredCall:
    if isinstance(q.padding, str):
        return q
    rows, columns = zip(*q.padding, strict=True)
    return q.called(padding=(rows, columns))
