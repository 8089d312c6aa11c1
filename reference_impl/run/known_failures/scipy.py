"""Known failures of SciPy: tried with 1.17.1.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/scipy.md.
"""

from __future__ import annotations

from functools import partial
from math import prod

from ..known_failure import TRIES, KnownFailure

PADS_THE_KERNEL = (
    "SciPy pads the kernel with zeros, if that is the larger array. "
    "Infinity times these zeros is NaN where nothing overlaps"
)

failure = partial(KnownFailure, backends=("scipy",), versions=">=1.17,<1.18", link="found here: docs/findings/scipy.md")
FAILURES = (
    # "Sometimes": the seed decides which array holds the infinity, and only one in the image shows it.
    failure(
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=lambda case, facts: prod(case.kernel_size) > prod(case.output_shape[1:3]),
        checks=("special_values",),
        outcome="fail",
        does=PADS_THE_KERNEL,
        tries=TRIES,
    ),
    failure(
        operations=("conv2d",),
        when=lambda case, facts: case.padding_mode == "FULL" and prod(case.kernel_size) > case.height * case.width,
        checks=("special_values",),
        outcome="fail",
        does=PADS_THE_KERNEL,
        tries=TRIES,
    ),
)
