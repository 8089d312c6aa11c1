"""Faults planted in OpenVINO's operations fail its adapter. Without one it is exact, also where it chooses."""

from __future__ import annotations

import pytest
from openvino import opset13 as opset
from planted import failing_routes

from reference_impl.backends.openvino import ROUTES
from reference_impl.cases.case import Case


def strides_swapped(images, filters, strides, *options):
    return opset.convolution(images, filters, strides[::-1], *options)


def odd_zero_on_the_other_side(images, filters, *, auto_pad, **options):
    other = {"same_lower": "same_upper", "same_upper": "same_lower"}[auto_pad]
    return opset.convolution_backprop_data(images, filters, auto_pad=other, **options)


@pytest.mark.parametrize(
    "case",
    [
        "n2_h8w9c4_k3x2o6_s2x3_g2_SAME",
        "n2_h7w11c3_k2x3o4_s3x2_d2x1_SAME_LOWER",
        "n2_h8w9c3_k1x2o4_s3x3",
        "n2_h7w9c2_k3x2o3_s2x3_p0,1,1,2",
    ],
)
def test_adapter_agrees(case):
    assert failing_routes(ROUTES, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("replaced", "planted", "case"),
    [
        ("convolution_function", strides_swapped, "n2_h8w9c4_k3x2o6_s2x3"),
        ("backprop_data_function", odd_zero_on_the_other_side, "n2_h7w11c3_k2x2o4_SAME"),
    ],
)
def test_planted_fault_fails(replaced, planted, case):
    assert failing_routes(ROUTES, Case.parse(case), **{replaced: planted}) == set(ROUTES)
