"""Boundaries: the kinds of geometry on which convolutions have gone wrong, each by name."""

from __future__ import annotations

from collections.abc import Callable

from ..geometry import Axis
from .case import Case

_WORDS_OF_SAME = ("SAME", "SAME_LOWER")
_NEAR_VECTORS = (7, 8, 9, 15, 16, 17, 31, 32, 33)


def _axes(case: Case) -> tuple[Axis, Axis]:
    return case.convolution.axes


def _is_whole(axis: Axis) -> bool:
    return 1 < axis.kernel_extent == axis.padded_size


def _has_uneven_pads(case: Case) -> bool:
    return case.padding_mode == "EXPLICIT" and any(axis.pad_before != axis.pad_after for axis in _axes(case))


def _same_totals(case: Case) -> list[int]:
    if case.padding not in _WORDS_OF_SAME:
        return []
    return [axis.pad_before + axis.pad_after for axis in _axes(case)]


def _is_clamped(axis: Axis) -> bool:
    """True if SAME's formula gives a negative total, which counts as 0."""
    return (axis.output_size - 1) * axis.stride + axis.kernel_extent < axis.input_size


def _has_window_in_padding(axis: Axis) -> bool:
    reads = [axis.reads(tap, range(axis.output_size))[0] for tap in range(axis.kernel_size)]
    seen = {position for outputs in reads for position in range(outputs.start, outputs.stop)}
    return len(seen) < axis.output_size


BOUNDARIES: dict[str, Callable[[Case], bool]] = {
    "leftover rows": lambda case: case.convolution.height.leftover > 0,
    "leftover columns": lambda case: case.convolution.width.leftover > 0,
    "kernel smaller than stride": lambda case: any(axis.kernel_extent < axis.stride for axis in _axes(case)),
    "kernel as large as padded input": lambda case: any(map(_is_whole, _axes(case))),
    "even kernel": lambda case: any(k % 2 == 0 for k in case.kernel_size),
    "line image": lambda case: 1 in (case.height, case.width),
    "line kernel": lambda case: case.kernel_size.count(1) == 1,
    "1x1 kernel, strided": lambda case: case.kernel_size == (1, 1) and case.strides != (1, 1),
    "odd SAME total": lambda case: any(total % 2 for total in _same_totals(case)),
    "SAME, strided": lambda case: case.padding in _WORDS_OF_SAME and case.strides != (1, 1),
    "SAME, dilated": lambda case: case.padding in _WORDS_OF_SAME and case.dilations != (1, 1),
    "SAME, clamped": lambda case: case.padding in _WORDS_OF_SAME and any(map(_is_clamped, _axes(case))),
    "FULL": lambda case: case.padding == "FULL",
    "uneven pads": _has_uneven_pads,
    "window in padding": lambda case: any(map(_has_window_in_padding, _axes(case))),
    "strided": lambda case: case.strides != (1, 1),
    "dilated": lambda case: case.dilations != (1, 1),
    "strided and dilated": lambda case: any(axis.stride > 1 and axis.dilation > 1 for axis in _axes(case)),
    "grouped": lambda case: case.groups > 1,
    "depthwise": lambda case: 1 < case.groups == case.input_channels,
    "depth multiplier": lambda case: 1 < case.groups == case.input_channels < case.output_channels,
    "one output position": lambda case: case.output_shape[1:3] == (1, 1),
    "batch above 1": lambda case: case.batch > 1,
    "near a vector's width": lambda case: any(
        size in _NEAR_VECTORS for size in (case.height, case.width, case.input_channels, case.output_channels)
    ),
    "empty": lambda case: 0 in (case.batch, case.input_channels, case.output_channels),
}
"""Name of a boundary -> a function that tells whether a case lies on it."""


# Sizes at which blocks, buffers and counters of kernels end. Few generated cases go beyond them.
LIMITS: dict[str, Callable[[Case], bool]] = {
    "batch above 32": lambda case: case.batch > 32,
    "batch above 65535": lambda case: case.batch > 65535,
    "image above 256": lambda case: max(case.height, case.width) > 256,
    "kernel above 32": lambda case: max(case.kernel_size) > 32,
    "stride above 16": lambda case: max(case.strides) > 16,
    "dilation above 16": lambda case: max(case.dilations) > 16,
    "padding above 16": lambda case: case.padding_mode == "EXPLICIT" and _most_padding(case) > 16,
    "groups above 32": lambda case: case.groups > 32,
    "input channels above 64": lambda case: case.input_channels > 64,
    "output channels above 64": lambda case: case.output_channels > 64,
}
"""Name of a limit -> a function that tells whether a case lies beyond it."""


def _most_padding(case: Case) -> int:
    return max(pad for axis in _axes(case) for pad in (axis.pad_before, axis.pad_after))


def boundaries_of(case: Case) -> list[str]:
    """The names of all boundaries that `case` lies on, and of all limits that it is beyond."""
    return [name for name, holds in {**BOUNDARIES, **LIMITS}.items() if holds(case)]
