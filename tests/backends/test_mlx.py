"""MLX's adapter agrees where it has to choose or compose, and fails if what it calls is wrong."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest
from planted import failing_routes

from reference_impl.backends.mlx import ROUTES
from reference_impl.cases.case import Case


class Conv:
    replaces = "conv_function"
    planted = staticmethod(mx.conv_general)


class ConvTranspose:
    replaces = "conv_transpose_function"
    planted = staticmethod(mx.conv_transpose2d)


class SidesSwapped(Conv):
    @staticmethod
    def planted(images, filters, *, padding, **options):
        return mx.conv_general(images, filters, padding=padding[::-1], **options)


class GradientDoubled(Conv):
    @staticmethod
    def planted(images, filters, **options):
        value = mx.conv_general(images, filters, **options)
        return 2 * value - mx.stop_gradient(value)


class OutputPaddingIgnored(ConvTranspose):
    @staticmethod
    def planted(images, filters, *, output_padding, **options):
        return mx.conv_transpose2d(images, filters, **options)


@pytest.mark.parametrize("right", [Conv, ConvTranspose])
@pytest.mark.parametrize(
    "case",
    [
        "n2_h8w9c4_k3x2o6_s2x3_g2_SAME",
        "n2_h7w11c3_k2x3o4_s3x2_d2x1_SAME_LOWER",
        "n2_h7w9c2_k3x2o3_s2x3_p0,1,1,2",  # transposed, cropped by the adapter
    ],
)
def test_adapter_agrees(case, right):
    assert failing_routes(ROUTES, right, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("planted", "case"),
    [
        (SidesSwapped, "n2_h8w9c4_k3x2o6_p1,0,0,1"),
        (GradientDoubled, "n2_h8w9c4_k3x2o6"),
        (OutputPaddingIgnored, "n2_h8w9c4_k3x2o6_s2x3"),
    ],
)
def test_wrong_function_fails(planted, case):
    assert failing_routes(ROUTES, planted, Case.parse(case)) == set(ROUTES)


def test_adapter_takes_a_lone_element_that_lies_backwards():
    """Which NumPy calls contiguous, and MLX refuses."""
    backwards = np.flip(np.full((1, 1, 1, 1), 3, np.float32))
    assert backwards.strides[0] < 0
    answer = ROUTES[""]().conv2d(backwards, backwards, strides=(1, 1), padding="VALID", dilations=(1, 1), groups=1)
    assert answer.tolist() == [[[[9]]]]
