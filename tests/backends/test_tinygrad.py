"""tinygrad's adapter agrees where it has to choose, and fails if what it calls is wrong."""

from __future__ import annotations

import pytest
from planted import failing_routes
from tinygrad import Tensor

from reference_impl.backends.tinygrad import ROUTES
from reference_impl.cases.case import Case


class Conv:
    replaces = "conv_function"
    planted = staticmethod(Tensor.conv2d)


class ConvTranspose:
    replaces = "conv_transpose_function"
    planted = staticmethod(Tensor.conv_transpose2d)


class AxesOfPaddingSwapped(Conv):
    @staticmethod
    def planted(images, filters, *, padding, **options):
        return Tensor.conv2d(images, filters, padding=(*padding[2:], *padding[:2]), **options)


class GradientDoubled(Conv):
    @staticmethod
    def planted(images, filters, **options):
        value = Tensor.conv2d(images, filters, **options)
        return 2 * value - value.detach()


class OutputPaddingIgnored(ConvTranspose):
    @staticmethod
    def planted(images, filters, *, output_padding, **options):
        return Tensor.conv_transpose2d(images, filters, **options)


@pytest.mark.parametrize("case", ["n2_h8w9c4_k3x2o6_s2x3_g2_SAME", "n2_h7w9c2_k3x2o3_s2x3_d2x1_p0,1,1,2"])
def test_adapter_agrees(case):
    assert failing_routes(ROUTES, Conv, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("planted", "case"),
    [
        (AxesOfPaddingSwapped, "n2_h8w9c4_k3x2o6_p1,1,0,0"),
        (GradientDoubled, "n2_h8w9c4_k3x2o6"),
        (OutputPaddingIgnored, "n2_h8w9c4_k3x2o6_s2x3"),
    ],
)
def test_wrong_function_fails(planted, case):
    assert failing_routes(ROUTES, planted, Case.parse(case)) == set(ROUTES)
