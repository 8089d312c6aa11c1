"""Known failures of JAX: tried with 0.10.2, CPU, x86-64 with AVX-512, 64-bit types switched on.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/jax.md.
"""

from __future__ import annotations

from functools import partial

from ...cases.case import Case
from ..known_failure import TRIES, Facts, KnownFailure, always

# XLA writes some grouped convolutions as ungrouped ones with zeros between the groups. Entries have TRIES, as a case
# fails only if the NaN or infinity is drawn for the argument that meets the zeros. tensorflow.py uses these too.


def single_input_channels(case: Case, facts: Facts) -> bool:
    """Return whether XLA mixes groups in float64, as each has one input channel."""
    return case.dtype == "float64" and case.groups > 1 and case.filter_sizes[2] == 1


def single_output_channels(case: Case, facts: Facts) -> bool:
    """Return whether XLA mixes groups in float64, as each has one output channel."""
    return case.dtype == "float64" and case.groups > 1 and case.output_channels == case.groups


def filter_gradient_mixes(case: Case, facts: Facts) -> bool:
    """Return whether XLA mixes groups in the filter gradient: batch_group_count, unless groups are single channels."""
    depthwise = case.input_channels == case.groups and case.output_channels == case.groups
    return case.dtype != "float64" and case.groups > 1 and not depthwise


failure = partial(KnownFailure, versions="==0.10.*", link="found here: docs/findings/jax.md")
FAILURES = (
    failure(
        backends=("jax",),
        operations=("conv2d",),
        when=always,
        invalid=("kernel-too-large", "dilation-2**31"),
        outcome="fail",
        does="JAX answers where no window fits, with an output without rows",
    ),
    failure(
        backends=("jax:*",),
        operations=("conv2d",),
        when=single_input_channels,
        checks=("special_values",),
        outcome="fail",
        does="JAX lets a NaN or infinity in one group of the input reach the answers of others, "
        "if each group has one input channel",
        tries=TRIES,
    ),
    failure(
        backends=("jax:*",),
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=single_output_channels,
        checks=("special_values",),
        outcome="fail",
        does="JAX lets a NaN or infinity in one group of the cotangent reach the answers of others, "
        "if each group has one output channel",
        tries=TRIES,
    ),
    failure(
        backends=("jax:*",),
        operations=("conv2d_backprop_filter",),
        when=filter_gradient_mixes,
        checks=("special_values",),
        outcome="fail",
        does="JAX lets a NaN or infinity in one group of the cotangent reach the gradients of others "
        "(batch_group_count)",
        tries=TRIES,
    ),
)
