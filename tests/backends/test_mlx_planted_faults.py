"""Faults planted in MLX's functions fail its adapter. Without one it is exact, also where it chooses or composes."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest
from planted import failing_routes

from reference_impl.backends.mlx import ROUTES
from reference_impl.cases.case import Case


def sides_swapped(images, filters, *, padding, **options):
    return mx.conv_general(images, filters, padding=padding[::-1], **options)


def gradient_doubled(images, filters, **options):
    value = mx.conv_general(images, filters, **options)
    return 2 * value - mx.stop_gradient(value)


def output_padding_ignored(images, filters, *, output_padding, **options):
    return mx.conv_transpose2d(images, filters, **options)


@pytest.mark.parametrize(
    "case",
    [
        "n2_h8w9c4_k3x2o6_s2x3_g2_SAME",
        "n2_h7w11c3_k2x3o4_s3x2_d2x1_SAME_LOWER",
        "n2_h7w9c2_k3x2o3_s2x3_p0,1,1,2",  # transposed, cropped by the adapter
    ],
)
def test_adapter_agrees(case):
    assert failing_routes(ROUTES, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("replaced", "planted", "case"),
    [
        ("conv_function", sides_swapped, "n2_h8w9c4_k3x2o6_p1,0,0,1"),
        ("conv_function", gradient_doubled, "n2_h8w9c4_k3x2o6"),
        ("conv_transpose_function", output_padding_ignored, "n2_h8w9c4_k3x2o6_s2x3"),
    ],
)
def test_planted_fault_fails(replaced, planted, case):
    assert failing_routes(ROUTES, Case.parse(case), **{replaced: planted}) == set(ROUTES)


def test_adapter_takes_a_lone_element_that_lies_backwards():
    """NumPy calls such an array contiguous, and MLX refuses it."""
    backwards = np.flip(np.full((1, 1, 1, 1), 3, np.float32))
    assert backwards.strides[0] < 0
    answer = ROUTES[""]().conv2d(backwards, backwards, strides=(1, 1), padding="VALID", dilations=(1, 1), groups=1)
    assert answer.tolist() == [[[[9]]]]
