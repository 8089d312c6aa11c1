"""Known failures of Autograd, 1.9.1.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/autograd.md.
"""

from __future__ import annotations

from functools import partial
from math import prod

from ...cases.case import Case
from ..known_failure import TRIES, KnownFailure

NEVER_ENDS = (
    "autograd's 'full' swaps two arrays of one size, each longer along one axis, again and again. "
    "It ends in a RecursionError"
)
PADS_THE_KERNEL = (
    "autograd's 'full' pads the kernel with zeros, if that is the larger array. "
    "Infinity times these zeros is NaN where nothing overlaps"
)


def swaps_for_ever(case: Case, sizes: tuple[int, int, int, int]) -> bool:
    """Return whether kernel and array are of one size, and each is the longer one along an axis."""
    (kernel_height, kernel_width), (_, height, width, _) = case.kernel_size, sizes
    one_size = prod(sizes) == kernel_height * kernel_width * case.input_channels * case.output_channels
    crossed = (kernel_height < height and kernel_width > width) or (kernel_height > height and kernel_width < width)
    return one_size and crossed


def is_larger(case: Case, kernel_channels: int, sizes: tuple[int, int, int, int]) -> bool:
    """Return whether the kernel has more elements than the array, or is as long along both axes."""
    (kernel_height, kernel_width), (batch, height, width, _) = case.kernel_size, sizes
    covers = kernel_height >= height and kernel_width >= width
    return covers or kernel_height * kernel_width * kernel_channels > batch * height * width


def calls_valid(case: Case) -> bool:
    """Return whether the adapter calls 'valid', whose gradient for the images is a 'full' convolution."""
    return case.padding_mode not in ("FULL", "SAME_LOWER")


failure = partial(
    KnownFailure, backends=("autograd",), versions="==1.9.*", link="found here: docs/findings/autograd.md"
)
FAILURES = (
    failure(
        operations=("conv2d", "conv2d_backprop_input", "conv2d_backprop_filter"),
        when=lambda case, facts: case.padding_mode == "FULL" and swaps_for_ever(case, case.input_sizes),
        outcome="refused",
        does=NEVER_ENDS,
    ),
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: swaps_for_ever(case, case.output_shape),
        outcome="refused",
        does=NEVER_ENDS,
    ),
    failure(
        operations=("conv2d_backprop_input",),
        when=lambda case, facts: calls_valid(case) and swaps_for_ever(case, case.output_shape),
        outcome="refused",
        does=NEVER_ENDS,
    ),
    # The seed decides which array holds the NaN or infinity. Only those in the images and the cotangent show it.
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: is_larger(case, case.input_channels, case.output_shape),
        checks=("special_values",),
        outcome="fail",
        does=PADS_THE_KERNEL,
        tries=TRIES,
    ),
    failure(
        operations=("conv2d_backprop_input",),
        when=lambda case, facts: calls_valid(case) and is_larger(case, case.input_channels, case.output_shape),
        checks=("special_values",),
        outcome="fail",
        does=PADS_THE_KERNEL,
        tries=TRIES,
    ),
    failure(
        operations=("conv2d",),
        when=lambda case, facts: (
            case.padding_mode == "FULL" and is_larger(case, case.output_channels, case.input_sizes)
        ),
        checks=("special_values",),
        outcome="fail",
        does=PADS_THE_KERNEL,
        tries=TRIES,
    ),
    failure(
        operations=("conv2d_backprop_filter",),
        when=lambda case, facts: case.padding_mode == "SAME_LOWER",
        checks=("special_values",),
        outcome="fail",
        does="autograd's gradient of 'same' pads the cotangent. Its zeros times the images' infinity are NaN",
        tries=TRIES,
    ),
)
