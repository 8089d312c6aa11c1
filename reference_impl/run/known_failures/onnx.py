"""Known failures of ONNX's reference implementation: tried with 1.23.2.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/onnx.md.
"""

from __future__ import annotations

from functools import partial

from ...cases.case import Case
from ..known_failure import TRIES, Facts, KnownFailure, always


def transpose_is_refused(case: Case, facts: Facts) -> bool:
    """Return whether ConvTranspose has an empty batch, no output channels, or groups of more than one channel.

    Its output channels are the case's input channels.
    """
    single_channels = case.filter_sizes[2] == 1 and case.output_channels in (case.groups, 0)
    return case.batch == 0 or case.input_channels == 0 or (case.groups > 1 and not single_channels)


def has_gaps(steps: tuple[int, int], taps: tuple[int, ...]) -> bool:
    """Return whether positions lie between the taps, along some axis."""
    return any(step > 1 and count > 1 for step, count in zip(steps, taps))


failure = partial(KnownFailure, backends=("onnx",), versions="==1.23.*", link="found here: docs/findings/onnx.md")
FAILURES = (
    failure(
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=transpose_is_refused,
        outcome="refused",
        does="ConvTranspose refuses an empty batch, no output channels, and groups of more than one channel",
    ),
    # "Sometimes", as it does not show if the filters hold the NaN or infinity, or if no image holds it between taps.
    failure(
        operations=("conv2d",),
        when=lambda case, facts: has_gaps(case.dilations, case.kernel_size),
        checks=("special_values",),
        outcome="fail",
        does="Conv multiplies what lies between the taps of a dilated kernel by zeros, also a NaN or infinity",
        tries=TRIES,
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: has_gaps(case.strides, case.output_shape[1:3]),
        checks=("special_values",),
        outcome="fail",
        does="Conv, whose taps are the strided cotangent here, multiplies what lies between them by zeros",
        tries=TRIES,
    ),
    failure(
        operations=("conv2d",),
        when=always,
        invalid=("kernel-too-large",),
        outcome="fail",
        does="Conv answers where no window fits, with an output without rows",
    ),
)
