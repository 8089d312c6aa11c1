"""The converter check: right exports pass, and each wrong one is named. Models are written without the package onnx."""

from __future__ import annotations

import numpy as np
import onnx_writer
import pytest
from onnx_writer import node
from typer.testing import CliRunner

from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.conversion import onnx_model
from reference_impl.conversion.faults import FAULTS, altered
from reference_impl.conversion.judging import judge
from reference_impl.conversion.layer import from_case
from reference_impl.conversion.naming import findings
from reference_impl.conversion.problem import Problem

SAME = "n1_h7w10c3_k3x2o4_s2x3_SAME"
SQUARE = "n1_h7w10c3_k3x3o3_s2x3_p1,0,2,1"
GROUPED = "n1_h7w9c4_k3x2o8_d1x2_g2_p1,2,0,1"
DEPTHWISE = "n1_h7w9c3_k3x2o6_g3_SAME"
TRANSPOSED = "n1_h8w12c4_k3x2o3_s2x3_p1,0,0,1"


@pytest.fixture(autouse=True)
def naming_takes_its_time(monkeypatch):
    """On a slow machine too."""
    monkeypatch.setattr(findings, "__defaults__", (600.0,))


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)), terminal_width=100)
    return result.exit_code, result.output


def layer_of(spec, *, bias=True, is_transposed=False):
    case, rng = Case.parse(spec), np.random.default_rng(0)
    outputs = case.input_channels if is_transposed else case.output_channels
    filters = rng.standard_normal(case.filter_sizes).astype(np.float32)
    numbers = rng.standard_normal(outputs).astype(np.float32) if bias else None
    return from_case(case, filters, numbers, is_transposed=is_transposed)


def exported(path, layer, spec, shape=None, **changed):
    """Write the layer's model as ONNX has it. `changed` are other attributes, `weights` (OIHW) and `bias`."""
    case = Case.parse(spec)
    (top, bottom), (left, right) = case.convolution.padding
    kind = "ConvTranspose" if layer.is_transposed else "Conv"
    attributes = {
        "kernel_shape": case.kernel_size,
        "strides": case.strides,
        "dilations": case.dilations,
        "pads": [top, left, bottom, right],
        "group": case.groups,
    }
    if layer.is_transposed:
        attributes["output_padding"] = [axis.leftover for axis in case.convolution.axes]
    constants = {"weights": changed.pop("weights", layer.filters.transpose(3, 2, 0, 1))}
    bias = changed.pop("bias", layer.bias)
    if bias is not None:
        constants["bias"] = bias
    given = {name: value for name, value in {**attributes, **changed}.items() if value is not None}
    sizes = case.output_shape if layer.is_transposed else case.input_sizes
    shape = shape or (None, sizes[3], *sizes[1:3])
    nodes = [node(kind, " ".join(["images", *constants]), "answer", **given)]
    return onnx_writer.write(path, nodes, constants, shape)


def named(path, layer):
    judged = judge(layer, onnx_model.load(path))
    assert not judged.passed
    return [one.name for one in findings(judged)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("spec", [SAME, SQUARE, GROUPED, DEPTHWISE])
def test_right_export_passes_to_the_bit(path, spec, bias):
    layer = layer_of(spec, bias=bias)
    judged = judge(layer, onnx_model.load(exported(path, layer, spec)))
    assert judged.passed
    assert judged.to_the_bit


@pytest.mark.parametrize("word", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_right_padding_word_passes(path, word):
    spec = SAME.replace("SAME", {"SAME_UPPER": "SAME"}.get(word, word))
    layer = layer_of(spec)
    assert judge(layer, onnx_model.load(exported(path, layer, spec, pads=None, auto_pad=word))).passed


def test_right_transposed_export_passes(path):
    layer = layer_of(TRANSPOSED, is_transposed=True)
    assert Case.parse(TRANSPOSED).convolution.width.leftover == 2
    assert judge(layer, onnx_model.load(exported(path, layer, TRANSPOSED))).passed


@pytest.mark.parametrize("word", ["SAME_UPPER", "SAME_LOWER"])
def test_word_of_a_transposed_convolution_cuts_as_onnx_says(path, word):
    """Both cut what is above input * stride; SAME_UPPER cuts the odd row after."""
    spec = "n1_h6w9c4_k3x4o3_s2x3_" + ("SAME" if word == "SAME_UPPER" else word)
    layer = layer_of(spec, is_transposed=True)
    words = {"pads": None, "auto_pad": word, "output_padding": None}
    assert judge(layer, onnx_model.load(exported(path, layer, spec, **words))).passed


def test_transposes_and_pads_around_the_convolution_are_computed(path):
    """A model as Keras exporters write it: images NHWC, zeros by a node of their own, and the bias by another."""
    layer = layer_of(SAME)
    (top, bottom), (left, right) = Case.parse(SAME).convolution.padding
    constants = {
        "weights": layer.filters.transpose(3, 2, 0, 1),
        "bias": layer.bias,
        "zeros": np.array([0, top, left, 0, 0, bottom, right, 0], np.int64),
    }
    nodes = [
        node("Pad", "images zeros", "padded", mode="constant"),
        node("Transpose", "padded", "nchw", perm=[0, 3, 1, 2]),
        node("Conv", "nchw weights", "convolved", strides=[2, 3]),
        node("Transpose", "convolved", "nhwc", perm=[0, 2, 3, 1]),
        node("Add", "nhwc bias", "answer"),
    ]
    judged = judge(layer, onnx_model.load(onnx_writer.write(path, nodes, constants, (None, 7, 10, 3))))
    assert judged.layout == "NHWC"
    assert judged.passed


def test_integer_weights_give_no_error_at_all(path):
    case = Case.parse(SAME)
    layer = from_case(case, np.random.default_rng(0).integers(-9, 9, case.filter_sizes), None, is_transposed=False)
    model = exported(path, layer, SAME, weights=layer.filters.transpose(3, 2, 0, 1).astype(np.float32))
    assert judge(layer, onnx_model.load(model)).ratios.max() == 0


def oihw(change):
    return lambda layer: {"weights": change(layer.filters.transpose(3, 2, 0, 1))}


def given(**changed):
    return lambda layer: changed


WRONG = {
    "filters-kernel-transposed": (SQUARE, oihw(lambda array: array.swapaxes(2, 3))),
    "filters-channels-exchanged": (SQUARE, oihw(lambda array: array.swapaxes(0, 1))),
    "filters-hwio-read-as-oihw": (SAME, lambda layer: {"weights": layer.filters.reshape(4, 3, 3, 2)}),
    "kernel-rotated": (SAME, oihw(lambda array: array[:, :, ::-1, ::-1])),
    "kernel-upside-down": (SAME, oihw(lambda array: array[:, :, ::-1])),
    "kernel-mirrored": (SAME, oihw(lambda array: array[..., ::-1])),
    "output-channels-reversed": (SAME, oihw(lambda array: array[::-1])),
    "padding-on-the-other-side": (SAME, given(pads=None, auto_pad="SAME_LOWER")),
    "padding-lost": (SAME, given(pads=None)),
    "padding-symmetric": (SQUARE, given(pads=[1, 2, 1, 2])),
    "padding-axes-exchanged": (SQUARE, given(pads=[2, 1, 1, 0])),
    "padding-in-the-order-of-tensorflow": (SQUARE, given(pads=[1, 0, 2, 1])),
    "padding-of-stride-1": ("n1_h8w12c3_k5o4_s4_SAME", given(pads=[2, 2, 2, 2])),
    "strides-lost": (SAME, given(strides=None)),
    "strides-exchanged": (SAME, given(strides=[3, 2])),
    "stride-of-height-for-both": (SAME, given(strides=[2, 2])),
    "dilations-lost": (GROUPED, given(dilations=None)),
    "dilations-exchanged": (GROUPED, given(dilations=[2, 1])),
    "groups-lost": (GROUPED, lambda layer: {"group": 1, "weights": np.tile(_of(layer), (1, 2, 1, 1))}),
    "groups-copies-first": (DEPTHWISE, lambda layer: {"weights": _of(layer)[[0, 2, 4, 1, 3, 5]]}),
    "bias-lost": (SAME, given(bias=None)),
    "bias-reversed": (SAME, lambda layer: {"bias": layer.bias[::-1]}),
    "bias-twice": (SAME, lambda layer: {"bias": 2 * layer.bias}),
    "other-weights": (SAME, lambda layer: {"weights": _of(layer) + np.float32(0.5)}),
}


def _of(layer):
    return layer.filters.transpose(3, 2, 0, 1)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_export_is_named_first(path, name):
    spec, change = WRONG[name]
    layer = layer_of(spec)
    assert named(exported(path, layer, spec, **change(layer)), layer)[0] == name


WRONG_TRANSPOSED = {
    "output-padding-lost": given(output_padding=None),
    "kernel-rotated": oihw(lambda array: array[:, :, ::-1, ::-1]),
    "padding-lost": given(pads=None),
    "padding-on-the-other-side": given(pads=[0, 1, 1, 0]),
    "strides-lost": given(strides=None, output_padding=None),
    "bias-lost": given(bias=None),
    "filters-iohw-read-as-oihw": lambda layer: {
        "weights": np.ascontiguousarray(_of(layer).swapaxes(0, 1)).reshape(3, 4, 3, 2)
    },
}


@pytest.mark.parametrize("name", WRONG_TRANSPOSED)
def test_wrong_transposed_export_is_named(path, name):
    layer = layer_of(TRANSPOSED, is_transposed=True)
    assert name in named(exported(path, layer, TRANSPOSED, **WRONG_TRANSPOSED[name](layer)), layer)


def test_two_faults_at_once_are_both_named(path):
    layer = layer_of(SAME)
    changed = {"weights": _of(layer)[:, :, ::-1, ::-1], "strides": [3, 2], "bias": None}
    assert named(exported(path, layer, SAME, **changed), layer) == ["bias-lost", "kernel-rotated", "strides-exchanged"]


def test_known_mistake_of_kernels_is_named_where_no_fault_of_converters_is(path):
    """The model leaves out the last tap, which is none of the faults."""
    layer = layer_of(SAME, bias=False)
    weights = _of(layer).copy()
    weights[:, :, -1, -1] = 0
    assert "last-tap" in " ".join(named(exported(path, layer, SAME, weights=weights), layer))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_changes_the_answer_of_some_layer(fault):
    """A fault that no layer can show could never be named."""
    specs = {SAME: False, SQUARE: False, GROUPED: False, DEPTHWISE: False, TRANSPOSED: True}
    specs |= {"n1_h7w9c2_k3x2o2_d2x3_SAME_LOWER": False, "n1_h7w9c3_k3x2o4_s2x3": False}
    specs |= {
        "n1_h8w10c3_k5o4_s4_SAME": False,
        "n1_h9w9c9_k3x2o9_p1,0,1,2": False,
        "n1_h9w10c4_k3x2o3_s2x3_p1,0,0,1": True,
    }
    for spec, is_transposed in specs.items():
        case = Case.parse(spec)
        sizes = case.output_shape if is_transposed else case.input_sizes
        rng = np.random.default_rng(0)
        images, filters = rng.standard_normal((3, *sizes[1:])), rng.standard_normal(case.filter_sizes)
        right = Problem.of(case, images, filters, is_transposed=is_transposed)
        for found, changed in altered(right):
            try:
                answer = changed.answer() if found is fault else right.answer()
            except ValueError:
                continue
            if answer.shape != right.answer().shape or not np.array_equal(answer, right.answer()):
                return
    pytest.fail(f"no layer shows {fault.name}")
