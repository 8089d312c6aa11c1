"""The sizes of a case, with the arithmetic written out."""

from __future__ import annotations

from dataclasses import dataclass

from ..arguments import PADDING_WORDS, AxisPadding
from ..cases.case import Case
from ..geometry import Axis, TransposedSizes, padding_of, transposed_sizes


@dataclass(frozen=True)
class Derivation:
    """One axis under one padding mode, with the arithmetic of its zeros and output.

    `sizes` is None if the kernel does not fit.
    """

    mode: str
    axis: str
    zeros: str
    output: str
    sizes: Axis | None


def extents(case: Case) -> list[str]:
    """Return the arithmetic of the dilated kernel's extent, along height and width."""
    return [f"({axis.kernel_size} - 1) * {axis.dilation} + 1 = {axis.kernel_extent}" for axis in case.convolution.axes]


def derivations(case: Case) -> list[Derivation]:
    """Derive both axes under each padding word, and under the case's own zeros if these have no word."""
    modes: list[tuple[str, AxisPadding, AxisPadding]] = [(word, word, word) for word in PADDING_WORDS]
    if not isinstance(case.padding, str):
        modes.append((case.padding_mode, *case.padding))
    return [
        _derive(mode, padding, axis)
        for mode, *paddings in modes
        for padding, axis in zip(paddings, case.convolution.axes, strict=True)
    ]


def _derive(mode: str, padding: AxisPadding, own: Axis) -> Derivation:
    size, extent, stride = own.input_size, own.kernel_extent, own.stride
    before, after = padding_of(padding, size, extent, stride)
    try:
        axis = Axis(size, own.kernel_size, stride, own.dilation, before, after, own.name)
    except ValueError:
        return Derivation(
            mode, own.name, f"{before} + {after}", f"none: extent {extent} > padded {size + before + after}", None
        )
    if mode in ("SAME", "SAME_LOWER"):
        count = axis.output_size
        zeros = f"max(({count} - 1) * {stride} + {extent} - {size}, 0) = {before + after} = {before} + {after}"
        output = f"ceil({size} / {stride}) = {count}"
    else:
        zeros = f"{extent} - 1 = {before} on each side" if mode == "FULL" else f"{before} + {after}"
        output = f"floor(({axis.padded_size} - {extent}) / {stride}) + 1 = {axis.output_size}"
    left = f", leftover {axis.leftover}" if axis.leftover else ""
    return Derivation(mode, own.name, zeros, output + left, axis)


def terms(case: Case) -> dict[str, str]:
    """Return the arithmetic of the most products that one element of each operation's result sums."""
    convolution = case.convolution
    kernel = f"{convolution.height.kernel_size} * {convolution.width.kernel_size}"
    groups = f" / {case.groups}" if case.groups > 1 else ""
    to_input = f"{kernel} * {case.output_channels}{groups}"
    outputs = f"{case.batch} * {convolution.height.output_size} * {convolution.width.output_size}"
    factors = {
        "conv2d": f"{kernel} * {case.input_channels}{groups}",
        "conv2d_backprop_input": to_input,
        "conv2d_backprop_filter": outputs,
        "conv2d_transpose": to_input,
    }
    return {operation: f"{product} = {convolution.terms(operation)}" for operation, product in factors.items()}


def transposed(case: Case) -> tuple[TransposedSizes, TransposedSizes]:
    """Return the sizes that a transposed convolution of the case's output may give, along height and width."""
    paddings: list[AxisPadding] = [case.padding] * 2 if isinstance(case.padding, str) else [*case.padding]
    height, width = (
        transposed_sizes(axis.output_size, axis.kernel_size, stride=axis.stride, dilation=axis.dilation, padding=own)
        for axis, own in zip(case.convolution.axes, paddings, strict=True)
    )
    return height, width


def onnx_picks(axis: Axis) -> int | None:
    """Return the size that ONNX gives by the zeros alone: the image without its leftover, None if that is nothing."""
    return max(axis.input_size - axis.leftover, 0) or None


def keras_picks(case: Case) -> bool:
    """True if Keras, and JAX, which picks alike, give the case's image without being told its size."""
    height, width = transposed(case)
    return (height.keras, width.keras) == (case.height, case.width)
