"""Keras's adapter agrees where it has to choose or compose, and fails if what it calls is wrong."""

from __future__ import annotations

import keras
import pytest
from planted import failing_routes

from reference_impl.backends.keras.engines import engine
from reference_impl.backends.keras.functions import ENGINE, ROUTES
from reference_impl.cases.case import Case


class Conv:
    replaces = "conv_function"
    planted = staticmethod(keras.ops.conv)


class ConvTranspose:
    replaces = "conv_transpose_function"
    planted = staticmethod(keras.ops.conv_transpose)


class SameAsWithoutStride(Conv):
    @staticmethod
    def planted(images, filters, strides, padding, **options):
        if padding == "same":
            reach = [size - 1 for size in filters.shape[:2]]
            around = [(total // 2, total - total // 2) for total in reach]
            images = keras.ops.pad(images, ((0, 0), *around, (0, 0)))
        return keras.ops.conv(images, filters, strides=strides, padding="valid", **options)


class GradientDoubled(Conv):
    @staticmethod
    def planted(images, filters, **options):
        value = keras.ops.conv(images, filters, **options)
        return 2 * value - keras.ops.stop_gradient(value)


class OutputPaddingIgnored(ConvTranspose):
    @staticmethod
    def planted(images, filters, *, output_padding, **options):
        return keras.ops.conv_transpose(images, filters, **options)


class OutputPaddingAlways(ConvTranspose):
    """The smallest output, whatever is asked for."""

    @staticmethod
    def planted(images, filters, *, output_padding, **options):
        return keras.ops.conv_transpose(images, filters, output_padding=(0, 0), **options)


class TransposedShifted(ConvTranspose):
    """As Keras 3.14.1 on torch: https://github.com/keras-team/keras/issues/22876"""

    @staticmethod
    def planted(images, filters, **options):
        return keras.ops.roll(keras.ops.conv_transpose(images, filters, **options), 1, axis=1)


@pytest.mark.parametrize("right", [Conv, ConvTranspose])
@pytest.mark.parametrize(
    "case",
    [
        "n2_h8w9c4_k3x2o6_s2x3_SAME",  # Keras's own choice of sizes
        "n2_h7w11c3_k2x3o4_s2x3_SAME",  # sizes that it would not choose
        "n2_h9w8c3_k2x3o4_s3x2",
        "n2_h8w9c3_k1x2o4_s3x3",  # a kernel smaller than the stride
        "n2_h7w9c2_k3x2o3_s2x3_p1,0,2,1",
        "n2_h6w5c2_k3x4o3_s2x1_FULL",
    ],
)
def test_adapter_agrees(case, right):
    assert failing_routes(ROUTES, right, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("planted", "case"),
    [
        (SameAsWithoutStride, "n2_h8w10c4_k3x2o6_s2x3_SAME"),
        *([(GradientDoubled, "n2_h8w9c4_k3x2o6")] if ENGINE.vjp else []),
        (OutputPaddingIgnored, "n2_h7w11c3_k2x3o4_s2x3_SAME"),
        (OutputPaddingAlways, "n2_h8w9c4_k3x2o6_s2x3_SAME"),
        (TransposedShifted, "n2_h7w11c3_k2x3o4_s2x3_SAME"),
    ],
)
def test_wrong_function_fails(planted, case):
    assert failing_routes(ROUTES, planted, Case.parse(case)) == set(ROUTES)


def test_engine_that_is_not_ours_is_refused():
    with pytest.raises(ValueError, match="must be one of tensorflow, torch, jax, numpy, openvino; not 'theano'"):
        engine("theano")
