"""Faults planted in tinygrad's functions fail its adapter. Without one it is exact."""

from __future__ import annotations

import pytest
from planted import failing_routes
from tinygrad import Tensor

from reference_impl.backends.tinygrad import ROUTES
from reference_impl.cases.case import Case


def axes_of_padding_swapped(images, filters, *, padding, **options):
    return Tensor.conv2d(images, filters, padding=(*padding[2:], *padding[:2]), **options)


def gradient_doubled(images, filters, **options):
    value = Tensor.conv2d(images, filters, **options)
    return 2 * value - value.detach()


def output_padding_ignored(images, filters, *, output_padding, **options):
    return Tensor.conv_transpose2d(images, filters, **options)


@pytest.mark.parametrize("case", ["n2_h8w9c4_k3x2o6_s2x3_g2_SAME", "n2_h7w9c2_k3x2o3_s2x3_d2x1_p0,1,1,2"])
def test_adapter_agrees(case):
    assert failing_routes(ROUTES, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("replaced", "planted", "case"),
    [
        ("conv_function", axes_of_padding_swapped, "n2_h8w9c4_k3x2o6_p1,1,0,0"),
        ("conv_function", gradient_doubled, "n2_h8w9c4_k3x2o6"),
        ("conv_transpose_function", output_padding_ignored, "n2_h8w9c4_k3x2o6_s2x3"),
    ],
)
def test_planted_fault_fails(replaced, planted, case):
    assert failing_routes(ROUTES, Case.parse(case), **{replaced: planted}) == set(ROUTES)
