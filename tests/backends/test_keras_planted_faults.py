"""Faults planted in Keras's functions fail its adapter. Without one it is exact, also where it chooses or composes."""

from __future__ import annotations

import keras
import pytest
from planted import failing_routes

from reference_impl.backends.keras import ROUTES
from reference_impl.backends.keras.engines import engine
from reference_impl.backends.keras.functions import ENGINE
from reference_impl.cases.case import Case


def same_as_without_stride(images, filters, strides, padding, **options):
    if padding == "same":
        reach = [size - 1 for size in filters.shape[:2]]
        around = [(total // 2, total - total // 2) for total in reach]
        images = keras.ops.pad(images, ((0, 0), *around, (0, 0)))
    return keras.ops.conv(images, filters, strides=strides, padding="valid", **options)


def gradient_doubled(images, filters, **options):
    value = keras.ops.conv(images, filters, **options)
    return 2 * value - keras.ops.stop_gradient(value)


def output_padding_ignored(images, filters, *, output_padding, **options):
    return keras.ops.conv_transpose(images, filters, **options)


def output_padding_always_0(images, filters, *, output_padding, **options):
    """The smallest output, whatever is asked for."""
    return keras.ops.conv_transpose(images, filters, output_padding=(0, 0), **options)


def transposed_shifted(images, filters, **options):
    """The mistake of Keras 3.14.1 on torch: https://github.com/keras-team/keras/issues/22876"""
    return keras.ops.roll(keras.ops.conv_transpose(images, filters, **options), 1, axis=1)


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
def test_adapter_agrees(case):
    assert failing_routes(ROUTES, Case.parse(case)) == set()


@pytest.mark.parametrize(
    ("replaced", "planted", "case"),
    [
        ("conv_function", same_as_without_stride, "n2_h8w10c4_k3x2o6_s2x3_SAME"),
        *([("conv_function", gradient_doubled, "n2_h8w9c4_k3x2o6")] if ENGINE.vjp else []),
        ("conv_function", same_as_without_stride, "n2_h8w8c4_k3x3o8_s2x2_g4_SAME"),
        ("conv_transpose_function", output_padding_ignored, "n2_h7w11c3_k2x3o4_s2x3_SAME"),
        ("conv_transpose_function", output_padding_always_0, "n2_h8w9c4_k3x2o6_s2x3_SAME"),
        ("conv_transpose_function", transposed_shifted, "n2_h7w11c3_k2x3o4_s2x3_SAME"),
    ],
)
def test_planted_fault_fails(replaced, planted, case):
    parsed = Case.parse(case)
    operation = "conv2d" if replaced == "conv_function" else "conv2d_transpose"
    taking = {name for name, route in ROUTES.items() if route.capabilities.supported(operation, [parsed])}
    assert {"", "layers"} <= taking
    assert failing_routes(ROUTES, parsed, **{replaced: planted}) == taking


def test_engine_that_is_not_ours_is_refused():
    with pytest.raises(ValueError, match="must be one of tensorflow, torch, jax, numpy, openvino; not 'theano'"):
        engine("theano")
