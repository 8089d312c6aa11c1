"""Layers in the words of torch and Keras, as cases: they do what the real ones do, and wrong ones are refused."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

import reference_impl as ref
from reference_impl.cli import app
from reference_impl.explain.layers import from_keras, from_torch, parse_image

TORCH = [
    ("Conv2d(3, 5, 7, stride=2, padding=3)", "n1_h14w17c3_k7x7o5_s2x2_p3,3,3,3"),
    ("Conv2d(3, 5, kernel_size=(3, 2), stride=(2, 1), padding=(1, 2), bias=False)", "n1_h14w17c3_k3x2o5_s2x1_p1,1,2,2"),
    ("Conv2d(3, 5, 2, 3, 0, 2)", "n1_h14w17c3_k2x2o5_s3x3_d2x2"),
    ("Conv2d(3, 6, (4, 3), padding='same', dilation=(1, 3), groups=3)", "n1_h14w17c3_k4x3o6_d1x3_g3_SAME"),
    ("Conv2d(3, 5, 3, padding='valid', padding_mode='zeros', device=None)", "n1_h14w17c3_k3x3o5"),
    ("ConvTranspose2d(3, 5, 4, 2, 1)", "n1_h28w34c5_k4x4o3_s2x2_p1,1,1,1"),
    ("ConvTranspose2d(3, 6, (3, 2), (2, 3), (1, 0), (1, 2), 3)", "n1_h28w52c6_k3x2o3_s2x3_g3_p1,1,0,0"),
    ("ConvTranspose2d(3, 5, 3, stride=2, dilation=(1, 2))", "n1_h29w37c5_k3x3o3_s2x2_d1x2"),
]
KERAS = [
    ("Conv2D(5, 7, strides=2, padding='same', activation='relu')", "n1_h14w17c3_k7x7o5_s2x2_SAME"),
    ("Conv2D(6, (3, 2), (2, 1), 'valid', None, 1, 3, use_bias=False)", "n1_h14w17c3_k3x2o6_s2x1_g3"),
    ("Conv2D(5, 3, dilation_rate=(2, 3), name='x')", "n1_h14w17c3_k3x3o5_d2x3"),
    ("Conv2DTranspose(5, 4, 2, 'same')", "n1_h28w34c5_k4x4o3_s2x2_SAME"),
    ("Conv2DTranspose(5, (3, 2), strides=(2, 4))", "n1_h29w68c5_k3x2o3_s2x4"),
    ("Conv2DTranspose(5, 3, 2, padding='same', output_padding=0)", "n1_h27w33c5_k3x3o3_s2x2_SAME"),
    ("Conv2DTranspose(5, 3, 3, output_padding=(1, 2))", "n1_h43w53c5_k3x3o3_s3x3"),
]
IMAGE = (14, 17, 3)


def integers(shape):
    return np.random.default_rng(0).integers(-9, 10, shape).astype("float32")


def oracle(layer, images, filters):
    case = layer.case
    if layer.is_transposed:
        return ref.conv2d_transpose(images, filters, case.input_sizes, **case.options)
    return ref.conv2d(images, filters, **case.options)


@pytest.mark.framework("torch")
@pytest.mark.parametrize(("text", "spec"), TORCH)
def test_case_is_what_the_torch_layer_does(text, spec):
    import torch

    layer = from_torch(f"torch.nn.{text}", IMAGE)
    assert str(layer.case) == spec
    module = eval(f"torch.nn.{text}")
    images, filters = integers((1, *IMAGE)), integers(layer.case.filter_sizes)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(filters.transpose(3, 2, 0, 1).copy()))
        if module.bias is not None:
            module.bias.zero_()
        output = module(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy().transpose(0, 2, 3, 1)
    assert output.shape == oracle(layer, images, filters).shape
    assert (output == oracle(layer, images, filters)).all()
    assert from_torch(repr(module), IMAGE) == layer


@pytest.mark.framework("keras")
@pytest.mark.parametrize(("text", "spec"), KERAS)
def test_case_is_what_the_keras_layer_does(text, spec):
    import keras

    layer = from_keras(f"keras.layers.{text.replace(chr(39) + 'relu' + chr(39), 'keras.ops.relu')}", IMAGE)
    assert str(layer.case) == spec
    module = eval(f"keras.layers.{text.replace('relu', 'linear')}")
    images, filters = integers((1, *IMAGE)), integers(layer.case.filter_sizes)
    module.build(images.shape)
    module.kernel.assign(filters)
    output = keras.ops.convert_to_numpy(module(images))
    assert output.shape == oracle(layer, images, filters).shape
    assert (output == oracle(layer, images, filters)).all()


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("Conv2d(3, 5", ValueError, "must be one Python call: '(' was never closed"),
        ("Conv3d(3, 5, 3)", ValueError, "must be a call of Conv2d or ConvTranspose2d; not 'Conv3d(3, 5, 3)'"),
        ("Conv2d", ValueError, "must be a call of Conv2d or ConvTranspose2d"),
        ("Conv2d(3, 5)", TypeError, "Conv2d takes other arguments: missing a required argument: 'kernel_size'"),
        ("Conv2d(3, 5, 3, strides=2)", TypeError, "got an unexpected keyword argument 'strides'"),
        ("Conv2d(3, 5, 3, 1, 0, 1, 1, True, 'zeros', None, None, 0)", TypeError, "too many positional arguments"),
        ("Conv2d(*sizes)", ValueError, "without * and **"),
        ("Conv2d(3, 5, 3, **options)", ValueError, "without * and **"),
        ("Conv2d(3, 5, k)", ValueError, "kernel_size must be written out, as a number, a pair or a word; not k"),
        ("Conv2d(3, 5, 3, padding_mode='reflect')", ValueError, 'padding_mode must be "zeros"'),
        ("Conv2d(3, 5, 3, stride=2, padding='same')", ValueError, "must come with stride 1 in torch, not (2, 2)"),
        ("Conv2d(3, 5, 3, padding='full')", TypeError, "padding must be an integer, not 'full'"),
        ("Conv2d(4, 5, 3)", ValueError, "must have the layer's in_channels, 4, not 3 channels"),
        ("Conv2d(3, 5, 3, groups=2)", ValueError, "groups must divide the channels"),
        ("Conv2d(3, 5, 15)", ValueError, "kernel must fit"),
        ("Conv2d(3, 5, (3, 3, 3))", ValueError, "(height, width) pair, not 3 values"),
        ("ConvTranspose2d(3, 5, 3, padding='same')", TypeError, "padding must be an integer, not 'same'"),
        ("ConvTranspose2d(3, 5, 3, 2, 0, 2, 1, True, 3)", ValueError, "but conv2d makes 15 x 18 of that"),
    ],
)
def test_torch_layer_is_refused(text, error, message):
    with pytest.raises(error) as caught:
        from_torch(text, IMAGE)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "image", "message"),
    [
        ("Conv2D(5, 3)", (14, 17), "must be <height>x<width>x<channels>"),
        ("Conv2D(5, 3, padding='causal')", IMAGE, 'must be "valid" or "same" in Keras, not \'causal\''),
        ("Conv2D(5, 3, padding=1)", IMAGE, 'must be "valid" or "same" in Keras, not 1'),
        ("Conv2D(5, 3, strides=2, dilation_rate=2)", IMAGE, "strides or dilation_rate must be 1 in Keras"),
        ("Conv2DTranspose(5, 4, 2, 'same', output_padding=0)", IMAGE, "but conv2d makes 13 x 16 of that"),
        ("DepthwiseConv2D(3)", IMAGE, "must be a call of Conv2D or Conv2DTranspose"),
    ],
)
def test_keras_layer_is_refused(text, image, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the message is compared below
        from_keras(text, image)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["224", "224x", "x224", "224 x 224", "1x2x3x4", "ax2"])
def test_image_is_refused(text):
    with pytest.raises(ValueError, match="the input must be <height>x<width>"):
        parse_image(text)


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (
            ["--torch", "Conv2d(3, 64, 7, stride=2, padding=3)", "--input", "224x224"],
            [
                "this layer is conv2d of n1_h224w224c3_k7x7o64_s2x2_p3,3,3,3",
                "along height and width: zeros 2 + 3, not 3 + 3; each window begins 1 later, and conv2d of 224 gives "
                "112, as before.",
            ],
        ),
        (
            ["--torch", "Conv2d(3, 8, 3, padding=(1, 0))", "--input", "9x7"],
            [
                "along height: the same zeros, 1 + 1.",
                "along width: zeros 1 + 1, not 0 + 0; each window begins 1 earlier",
            ],
        ),
        (
            ["--keras", "Conv2DTranspose(8, 4, 2)", "--input", "8x7x3"],
            ["this layer is conv2d_transpose of n1_h18w16c8_k4x4o3_s2x2", "conv2d of 18 gives 9, not 8"],
        ),
    ],
    ids=lambda value: value[1] if value[0].startswith("--") else "",
)
def test_explain_says_what_changes_under_same(words, facts):
    result = CliRunner().invoke(app, ["explain", *words, "--framework", "torch"], env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    printed = " ".join(result.output.split())
    assert [fact for fact in facts if fact not in printed] == []
