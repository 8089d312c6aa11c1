"""Known failures of OpenVINO on the CPU.

Tried with 2026.4.1 on x86-64 with AVX-512 (BF16, FP16), in float32 (INFERENCE_PRECISION_HINT).
To add one, add a failure(...) to FAILURES (see __init__.py), and a reproducer to docs/findings/openvino.md.
"""

from __future__ import annotations

from functools import partial

from ..known_failure import TRIES, KnownFailure

failure = partial(
    KnownFailure, backends=("openvino",), versions="==2026.4.*", link="found here: docs/findings/openvino.md"
)
FAILURES = (
    failure(
        operations=("conv2d",),
        when=lambda case, facts: (
            case.input_channels == 0 and case.groups == 1 and case.output_channels > 0 and case.batch > 0
        ),
        outcome="fail",
        tries=TRIES,
        does="OpenVINO answers what the memory held before, where the output is all zeros",
    ),
    failure(
        operations=("conv2d",),
        when=lambda case, facts: case.input_channels == 0 and case.groups > 1,
        outcome="refused",
        does="GroupConvolution refuses filters without input channels: 'Input channels dimension ... is incompatible'",
    ),
    failure(
        operations=("conv2d_backprop_input", "conv2d_transpose"),
        when=lambda case, facts: case.input_channels == 0 or case.output_channels == 0,
        outcome="refused",
        does="ConvolutionBackpropData refuses filters without channels: 'could not create a primitive descriptor'",
    ),
)
