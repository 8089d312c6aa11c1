"""Known failures of MLX on the CPU: tried with 0.32.4 (mlx[cpu]) on x86-64.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/mlx.md.
"""

from __future__ import annotations

from functools import partial

from ...cases.case import Case
from ...geometry import Axis
from ..known_failure import Facts, KnownFailure, always

DIVIDES_BY_CHANNELS = "MLX divides by the filters' channels: SIGFPE"
NO_COLUMNS = "the BLAS refuses a matrix without columns, and ends the process with status 0"


def is_plain(case: Case) -> bool:
    """Return whether the convolution has no groups and no dilations.

    MLX computes these by one product of matrices (transposed ones, if they have no strides either), and all others by
    loops. The two fail in ways of their own.
    """
    return case.groups == 1 and case.dilations == (1, 1)


def crops_the_input(axis: Axis) -> bool:
    """Return whether the filter gradient crops positions that no window reads off the input, not off its padding."""
    unread, size = axis.leftover - axis.pad_after, axis.input_size
    return unread - size >= axis.dilation or (size < unread < 2 * size and size >= axis.dilation)


def filter_gradient_crops_the_input(case: Case, facts: Facts) -> bool:
    sizes = case.convolution
    return not is_plain(case) and (crops_the_input(sizes.height) or crops_the_input(sizes.width))


def asks_for_padding(case: Case) -> bool:
    """Return whether the adapter passes padding to conv_transpose2d, as output_padding is at least 0."""
    axes = case.convolution.height, case.convolution.width
    return all(axis.leftover + axis.pad_before >= axis.pad_after for axis in axes)


def crops_too_much(axis: Axis) -> bool:
    """Return whether conv_transpose2d crops the input first, and then dilates it: `stride` times too much.

    It does so with a stride, and more padding before than the kernel reaches.
    """
    return axis.stride > 1 and axis.pad_before >= axis.kernel_extent


def leaves_too_little(axis: Axis) -> bool:
    """Return whether conv_transpose2d crops so much that the rest, dilated and padded, is smaller than the kernel."""
    extent, end = axis.kernel_extent, axis.pad_after - axis.leftover
    dilated = 1 + axis.stride * (axis.output_size + extent - axis.pad_before - 2)
    added = (extent - 1 - end) * (1 if end < extent else axis.stride)
    return crops_too_much(axis) and dilated + added < extent


def transpose_leaves_too_little(case: Case, facts: Facts) -> bool:
    sizes = case.convolution
    return asks_for_padding(case) and (leaves_too_little(sizes.height) or leaves_too_little(sizes.width))


def transpose_crops_too_much(case: Case, facts: Facts) -> bool:
    sizes = case.convolution
    return asks_for_padding(case) and (crops_too_much(sizes.height) or crops_too_much(sizes.width))


failure = partial(KnownFailure, backends=("mlx",), versions="==0.32.*", link="found here: docs/findings/mlx.md")
FAILURES = (
    failure(
        operations=("conv2d",),
        when=lambda case, facts: case.input_channels == 0,
        outcome="crashed",
        does=DIVIDES_BY_CHANNELS,
    ),
    failure(
        operations=("conv2d",),
        when=lambda case, facts: case.output_channels == 0 and is_plain(case),
        outcome="crashed",
        does=NO_COLUMNS,
    ),
    failure(
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=lambda case, facts: case.output_channels == 0,
        outcome="crashed",
        does=DIVIDES_BY_CHANNELS,
    ),
    failure(
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=lambda case, facts: case.input_channels == 0 and is_plain(case) and case.strides == (1, 1),
        outcome="crashed",
        does=NO_COLUMNS,
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: (case.batch == 0 or case.output_channels == 0) and is_plain(case),
        outcome="refused",
        does="MLX raises '[reshape] Cannot infer the shape of an empty array'",
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: case.batch == 0,
        outcome="crashed",
        does="MLX divides by the batch, which is the number of channels here: SIGFPE",
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: case.output_channels == 0 and case.groups == 1 and case.strides == (1, 1),
        outcome="crashed",
        does=NO_COLUMNS,
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=filter_gradient_crops_the_input,
        outcome="fail",
        does="MLX crops the positions that no window reads off the input, and not off its padding. "
        "The gradient has too many taps",
    ),
    failure(
        operations=("conv2d_transpose",),
        when=transpose_leaves_too_little,
        outcome="refused",
        does="MLX crops too much of the input: 'Spatial dimensions of input after padding cannot be smaller'",
    ),
    failure(
        operations=("conv2d_transpose",),
        when=transpose_crops_too_much,
        outcome="fail",
        does="MLX crops too much of the input, and gives too few rows or columns",
    ),
    failure(
        operations=("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter"),
        when=always,
        invalid=("groups-zero",),
        outcome="crashed",
        does="MLX divides by the groups: SIGFPE",
    ),
    failure(
        operations=("conv2d",),
        when=always,
        invalid=("padding-negative",),
        outcome="fail",
        does="MLX takes negative padding, and crops by it",
    ),
)
