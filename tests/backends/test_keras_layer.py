"""A layer of Keras becomes a backend."""

from __future__ import annotations

import keras
import pytest
from undiagnosed import failures

from reference_impl.conformance import Capabilities, check_backend, keras_layer

CASES = ["n2_h7w9c4_k3x2o6_s2x2_g2_SAME", "n1_h6w5c2_k2x3o3_d2x1", "n1_h6w5c2_k2x3o3_p1,0,0,1"]


class Strided(keras.layers.Conv2D):
    """A layer with strides and nothing else."""

    def __init__(self, filters, kernel_size, strides=(1, 1)):
        super().__init__(filters, kernel_size, strides=strides, dtype="float32")


class Swapped(keras.layers.Conv2D):
    """It takes one stride for the other."""

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid", **options):
        super().__init__(filters, kernel_size, strides=tuple(strides)[::-1], padding=padding, **options)


def reasons(backend):
    return [lack.reason for lack in backend.capabilities.lacks]


def test_kerass_own_layer_passes():
    declared = Capabilities(unclaimed={"special_values": "TensorFlow's gradient of grouped filters mixes the groups"})
    report = check_backend(keras_layer(keras.layers.Conv2D, capabilities=declared), CASES)
    assert report.passed, report
    passed = {record.operation for record in report.tally.records if record.outcome == "pass"}
    assert passed == {"conv2d", "conv2d_backprop_input", "conv2d_backprop_filter"}


def test_kerass_own_transposed_layer_passes():
    backend = keras_layer(keras.layers.Conv2DTranspose)
    assert backend.capabilities.operations == ("conv2d_transpose",)
    assert "takes no groups" in reasons(backend)
    report = check_backend(backend, ["n1_h6w5c2_k2x3o3", "n2_h8w6c2_k3x2o3_s2x2"])
    assert report.passed, report


class Plain(keras.layers.Layer):
    """A layer of its own, without padding."""

    def __init__(self, filters, kernel_size, strides=(1, 1), **options):
        super().__init__(**options)
        self.filters, self.kernel_size, self.strides = filters, kernel_size, strides

    def build(self, shape):
        self.kernel = self.add_weight(shape=(*self.kernel_size, shape[-1], self.filters), name="kernel")

    def call(self, images):
        return keras.ops.conv(images, self.kernel, self.strides, "valid")


def test_layer_without_padding_is_asked_for_same_where_that_adds_nothing():
    report = check_backend(keras_layer(Plain), ["n1_h2w3c2_k1x1o3_s2x2_SAME", "n1_h5w6c2_k3x2o3_SAME"])
    assert report.passed, report
    assert report.judged.judged["conv2d"] == report.judged.reasons["takes no padding"] / 3 == 1


def test_built_layer_is_asked_in_its_own_dtype():
    layer = keras.layers.Conv2D(4, 3, dtype="float32")
    layer.build((None, 8, 8, 2))
    assert keras_layer(layer).capabilities.dtypes == ("float32",)


def test_wrong_layer_is_found():
    assert next(failures(keras_layer(Swapped), ["n1_h7w6c2_k2x3o3_s1x2"]), None)


def test_option_that_the_constructor_does_not_take_is_a_lack():
    assert {"takes no padding", "takes no dilation", "takes no groups"} <= set(reasons(keras_layer(Strided)))


def test_instance_is_asked_with_its_own_channels_kernel_and_options_only():
    layer = keras.layers.Conv2D(3, (3, 2), strides=2, padding="same")
    with pytest.raises(ValueError, match="an instance of Conv2D must be built"):
        keras_layer(layer)
    layer.build((None, 8, 9, 4))
    backend = keras_layer(layer)
    assert backend.capabilities.made_for == ("n2_h10w10c4_k3x2o3_s2x2_SAME",)
    report = check_backend(backend, ["n2_h9w8c4_k3x2o3_s2x2_SAME", "n2_h9w8c4_k3x2o3"])
    assert report.passed, report
    assert {record.outcome for record in report.tally.records} == {"pass", "unsupported"}
