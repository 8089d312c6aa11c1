"""Models that the exporters of torch and TensorFlow wrote: each is its layer, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conversion.layers import KERAS, TORCH, numbers

from reference_impl.conversion import onnx_model
from reference_impl.conversion.judging import judge
from reference_impl.conversion.layer import Layer
from reference_impl.conversion.naming import findings
from reference_impl.explain import layers as explained

MODELS = Path(__file__).parent / "models"


def layer_of_torch(name):
    text, image = TORCH[name]
    case = explained.from_torch(text, image[1:]).case
    is_transposed = "Transpose" in text
    weight = numbers(tuple(case.filter_sizes[axis] for axis in (3, 2, 0, 1)))
    outputs = case.input_channels if is_transposed else case.output_channels
    bias = None if "bias=False" in text else numbers((outputs,))
    filters = weight.transpose(2, 3, 1, 0)
    on = lambda size: explained.from_torch(text, size).case  # noqa: E731
    return Layer(text, is_transposed, filters, bias, case.groups, on)


def layer_of_keras(name):
    text, image = KERAS[name]
    said, groups = text, 1
    if "Depthwise" in text:
        said, groups = "Conv2D(6, (3, 2), padding='same', groups=3)", 3
    case = explained.from_keras(said, image).case
    shape = (3, 2, 3, 2) if "Depthwise" in text else case.filter_sizes
    outputs = case.input_channels if "Transpose" in text else case.output_channels
    filters = numbers(shape).reshape(case.filter_sizes)
    on = lambda size: explained.from_keras(said, (*size, 3)).case  # noqa: E731
    return Layer(text, "Transpose" in text, filters, numbers((outputs,)), groups, on)


@pytest.mark.parametrize("name", TORCH)
def test_export_of_torch_is_its_layer(name):
    judged = judge(layer_of_torch(name), onnx_model.load(MODELS / f"{name}.onnx"))
    assert judged.passed
    assert judged.to_the_bit


@pytest.mark.framework("tensorflow")
@pytest.mark.parametrize("name", KERAS)
def test_export_of_tensorflow_is_its_layer(name):
    from reference_impl.conversion import tflite_model

    judged = judge(layer_of_keras(name), tflite_model.load(MODELS / f"{name}.tflite"))
    assert judged.passed
    assert judged.to_the_bit


def rotated(layer):
    return replace(layer, filters=layer.filters[::-1, ::-1])


def without_bias(layer):
    return replace(layer, bias=np.zeros_like(layer.bias))


def other(**changed):
    return lambda layer: replace(layer, case_on=lambda size: replace(layer.case_on(size), **changed))


# A wrong conversion of another layer is the right one of this.
WRONG = {
    "kernel-rotated": ("keras_conv", rotated),
    "bias-added": ("keras_conv", lambda layer: replace(layer, bias=None)),
    "padding-on-the-other-side": ("keras_conv", other(padding="SAME_LOWER")),
    "same-for-valid": ("keras_conv", other(padding="VALID")),
    "groups-copies-first": (
        "keras_depthwise",
        lambda layer: replace(layer, filters=layer.filters[..., [0, 3, 1, 4, 2, 5]]),
    ),
    "dilations-exchanged": ("keras_dilated", other(dilations=(2, 1))),
    "kernel-mirrored": ("keras_transposed", lambda layer: replace(layer, filters=layer.filters[:, ::-1])),
}


@pytest.mark.framework("tensorflow")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_export_of_tensorflow_is_named(name):
    from reference_impl.conversion import tflite_model

    of, change = WRONG[name]
    judged = judge(change(layer_of_keras(of)), tflite_model.load(MODELS / f"{of}.tflite"))
    assert not judged.passed
    assert name in [one.name for one in findings(judged)]


@pytest.mark.framework("tensorflow")
def test_damaged_or_wrong_tflite_file_is_refused(tmp_path):
    from reference_impl.conversion import tflite_model

    path = tmp_path / "model.tflite"
    path.write_bytes((MODELS / "keras_conv.tflite").read_bytes()[:200])
    with pytest.raises(ValueError, match="must be a TFLite model"):
        tflite_model.load(path)


@pytest.mark.framework("keras")
@pytest.mark.framework("tensorflow")
@pytest.mark.parametrize("name", KERAS)
def test_layer_of_keras_is_read_with_its_weights(tmp_path, name):
    from reference_impl.conversion import tflite_model
    from reference_impl.conversion.layer import load

    text, image = KERAS[name]
    (tmp_path / "made.py").write_text(
        "import keras\nfrom conversion.layers import numbers\n\n"
        f"layer = keras.layers.{text}\nlayer.build((None, *{image}))\n"
        "layer.set_weights([numbers(tuple(weight.shape)) for weight in layer.get_weights()])\n"
        f"model = keras.Sequential([keras.Input({image}), layer])\n"
        f"unbuilt = keras.layers.{text}\n"
        "active = keras.layers.Conv2D(4, 3, activation='relu')\nactive.build((None, 8, 9, 3))\n"
    )
    for made in ("layer", "model"):
        layer = load(f"{tmp_path / 'made.py'}:{made}")
        assert judge(layer, tflite_model.load(MODELS / f"{name}.tflite")).passed
    with pytest.raises(ValueError, match="must hold its weights: call it once, or build it"):
        load(f"{tmp_path / 'made.py'}:unbuilt")
    with pytest.raises(ValueError, match="must have no activation"):
        load(f"{tmp_path / 'made.py'}:active")
