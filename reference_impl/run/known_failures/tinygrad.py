"""Known failures of tinygrad on its CPU device, 0.14.0.

To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/tinygrad.md.
"""

from __future__ import annotations

from functools import partial

from ..known_failure import KnownFailure, always

failure = partial(
    KnownFailure, backends=("tinygrad",), versions="==0.14.*", link="found here: docs/findings/tinygrad.md"
)
FAILURES = (
    failure(
        operations=("conv2d_transpose",),
        when=lambda case, facts: case.input_channels == 0,
        outcome="refused",
        does="tinygrad infers an axis of the filters by dividing by the number of channels that they give: "
        "'integer division or modulo by zero'",
    ),
    failure(
        operations=("conv2d",),
        when=always,
        invalid=("dilation-zero", "dilation-negative", "padding-negative"),
        outcome="fail",
        does="tinygrad takes any dilation. It takes negative padding too, and crops by it",
    ),
)
