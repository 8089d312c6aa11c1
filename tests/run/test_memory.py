"""Scratch memory stays below 64 MiB, or three windows of the largest kernels: no operation unfolds a whole array."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from integer_arrays import TAKES, Arrays, run

from reference_impl.cases.case import Case
from reference_impl.verdicts.call import numpy_dtype

MIB = 1 << 20
MOST_SCRATCH = 64 * MIB
# Up to this size of a window, as float64, the scratch stays below that.
WINDOW_FOR_MOST_SCRATCH = 20 * MIB

CASES = [
    pytest.param(Case.parse(spec), id=f"{name}-{spec}")
    for name, spec in {
        "large-image": "n1_h320w330c12_k3x3o4_SAME",
        "large-image-of-int8": "n1_h300w310c16_k3x3o4_SAME_int8",
        "wide-image-of-many-channels": "n1_h1w12000c300_k1x3o8",
        "large-dilated-kernel": "n1_h150w160c4_k11x11o5_d9_SAME",
        "large-filters": "n1_h6w5c1024_k3x3o1024",
        "blocks-of-wide-windows": "n1_h40w39c1024_k3x3o64_SAME_int8",
        "wide-windows-by-kernel-rows": "n1_h3w1024c512_k3x3o640_SAME_int16",
        "large-pointwise-filters": "n1_h2w3c4096_k1x1o3000_bfloat16",
        "large-pointwise-image": "n1_h900w1000c12_k1x1o3",
        "batch-with-stride-2": "n16_h96w90c16_k5x5o8_s2_SAME",
        "groups": "n2_h100w110c64_k3x3o64_g32",
        "large-filters-of-narrow-groups": "n1_h4w4c24000_k3x3o24000_g600_SAME_float64",
        "depthwise": "n1_h100w110c64_k5x5o64_g64_SAME",
        "mostly-padding": "n1_h9w8c2_k3x3o4_p600,500,500,600",
        "large-kernel": "n1_h203w203c64_k202x202o2_int8",  # a window takes 19.9 MiB; integers are converted once more
    }.items()
]


def whole(case: Case) -> int:
    """Bytes of the largest array that a simple implementation holds: windows, padded input or filters, as float64."""
    windows = math.prod(case.output_shape[:3]) * case.convolution.terms("conv2d") * case.groups
    padded = case.batch * case.convolution.height.padded_size * case.convolution.width.padded_size * case.input_channels
    return 8 * max(windows, padded, math.prod(case.filter_sizes))


def ones_of(case: Case) -> Arrays:
    dtype = numpy_dtype(case.dtype)
    return Arrays(*(np.ones(shape, dtype) for shape in (case.input_sizes, case.filter_sizes, case.output_shape)))


def scratch(operation: str, case: Case, arrays: Arrays) -> int:
    """The most bytes that `operation` held at a time beyond its arguments and its result."""
    tracemalloc.start()
    try:
        result = run(operation, case, arrays)
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


def test_scratch_sees_what_numpy_holds():
    case = Case.parse("n1_h4w4c1_k1x1o1")
    tracemalloc.start()
    try:
        np.ones(10 * MIB, np.int8).sum()
        assert 10 * MIB <= tracemalloc.get_traced_memory()[1] < 11 * MIB
    finally:
        tracemalloc.stop()
    run("conv2d", case, ones_of(case))  # what NumPy makes once, and keeps, is no scratch
    assert scratch("conv2d", case, ones_of(case)) < MIB


@pytest.mark.parametrize("operation", TAKES)
@pytest.mark.parametrize("case", CASES)
def test_operation_needs_little_scratch(case, operation):
    assert whole(case) > MOST_SCRATCH
    assert scratch(operation, case, ones_of(case)) < MOST_SCRATCH


@pytest.mark.parametrize("operation", TAKES)
def test_operation_with_a_larger_kernel_needs_three_windows(operation):
    case = Case.parse("n1_h204w205c70_k203x204o2_int8")
    window = 8 * case.convolution.terms("conv2d")
    assert window > WINDOW_FOR_MOST_SCRATCH
    assert scratch(operation, case, ones_of(case)) < 3 * window + MIB
