"""Known failures of ONNX Runtime: tried with 1.31.1, CPU provider, x86-64 with AVX-512.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/onnxruntime.md.
Calls that do not return are a declared lack: waiting for them would take minutes a case. The fact `channel_block` is
the number of channels that its kernels for constant filters take at a time.
"""

from __future__ import annotations

from functools import partial

from ...cases.case import Case
from ...geometry import Axis
from ..known_failure import TRIES, Facts, KnownFailure, always


def unread(axis: Axis) -> int:
    """Return how many positions at the end of the image no window of SAME reads."""
    return axis.input_size - (axis.output_size - 1) * axis.stride - axis.kernel_size


def crops_both_sides(case: Case, facts: Facts) -> bool:
    most = {"SAME": 2, "SAME_LOWER": 3}.get(case.padding_mode)
    if most is None or 0 in (case.batch, case.input_channels, case.output_channels):
        return False
    return unread(case.convolution.height) > most or unread(case.convolution.width) > most


def runs_in_blocks(case: Case, channels: int, channels_a_group: int, facts: Facts) -> bool:
    """Return whether the kernel for blocks of channels (NCHWc) runs, for that many channels of Conv's input."""
    block = facts["channel_block"]
    if case.groups == 1:
        return channels < block or channels % 4 == 0
    return channels_a_group % block == 0 and case.output_channels // case.groups % block == 0


def no_channels_in_blocks(case: Case, facts: Facts) -> bool:
    lacks_channels = case.input_channels == 0 or case.output_channels == 0
    return lacks_channels and runs_in_blocks(case, case.input_channels, case.filter_sizes[2], facts)


def filter_gradient_of_no_channels_in_blocks(case: Case, facts: Facts) -> bool:
    """As `no_channels_in_blocks`: the filter gradient is a Conv whose input channels are the batch."""
    lacks_channels = case.batch == 0 or case.output_channels == 0
    return lacks_channels and runs_in_blocks(case, case.batch, case.batch, facts)


failure = partial(KnownFailure, versions="==1.31.*", link="found here: docs/findings/onnxruntime.md")
FAILURES = (
    failure(
        backends=("onnxruntime:*",),
        operations=("conv2d",),
        when=crops_both_sides,
        outcome="fail",
        does="ONNX Runtime crops the image on both sides, where the windows of SAME end before the image does",
    ),
    failure(
        backends=("onnxruntime",),
        operations=("conv2d",),
        when=no_channels_in_blocks,
        outcome="refused",
        does="ONNX Runtime's kernel for blocks of channels (NCHWc) refuses constant filters without channels",
    ),
    failure(
        backends=("onnxruntime",),
        operations=("conv2d_backprop_filter",),
        when=filter_gradient_of_no_channels_in_blocks,
        outcome="refused",
        does="ONNX Runtime's kernel for blocks of channels (NCHWc) refuses constant filters without channels. "
        "The batch is the number of channels here",
    ),
    # "Sometimes": an answer that nothing was written to is right if the memory held the right numbers.
    failure(
        backends=("onnxruntime:*",),
        operations=("conv2d",),
        when=lambda case, facts: case.input_channels == 0 and case.output_channels > 0 and case.batch > 0,
        outcome="fail",
        does="without input channels, Conv gives what memory held times 0, and ConvInteger what memory held",
        tries=TRIES,
    ),
    failure(
        backends=("onnxruntime:*",),
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: case.batch == 0 and case.input_channels > 0 and case.output_channels > 0,
        outcome="fail",
        does="without input channels, Conv gives what memory held times 0. The batch is the number of channels here",
        tries=TRIES,
    ),
    failure(
        backends=("onnxruntime",),
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=always,
        invalid=("groups-zero",),
        outcome="crashed",
        does="ONNX Runtime dies (SIGFPE) of ConvTranspose with group = 0 and constant filters",
    ),
)
