"""The converter check against onnx, ONNX Runtime and torch's own exporters, where they are installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
from conversion.layers import TORCH
from conversion.test_conversion import GROUPED, SAME, SQUARE, TRANSPOSED, exported, layer_of
from conversion.test_real_exports import layer_of_torch
from onnx import numpy_helper

from reference_impl.conversion import onnx_file, onnx_model
from reference_impl.conversion.judging import judge
from reference_impl.conversion.layer import _of_torch

MODELS = sorted(Path(__file__).parent.glob("models/*.onnx"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_reader_reads_what_onnx_reads(path):
    graph, own = onnx.load(path).graph, onnx_file.read(path)
    nodes = [node for node in graph.node if node.op_type != "Constant"]
    assert [(one.kind, one.inputs, one.outputs) for one in own.nodes] == [
        (one.op_type, list(one.input), list(one.output)) for one in nodes
    ]
    for one, node in zip(own.nodes, nodes, strict=True):
        told = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        assert {name: _plain(value) for name, value in told.items()} == one.attributes
    for tensor in graph.initializer:
        assert np.array_equal(own.constants[tensor.name], numpy_helper.to_array(tensor))


def _plain(value):
    return value.decode() if isinstance(value, bytes) else list(value) if hasattr(value, "__len__") else value


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_onnx_runtime_computes_what_onnx_defines(path):
    run, by = onnx_model.in_runtime(path)
    model = onnx_model.load(path)
    images = np.random.default_rng(0).integers(-3, 4, model.shape).astype(np.float32)
    assert np.allclose(run(images), model.answer(images), rtol=1e-5, atol=1e-5), by


@pytest.mark.parametrize("spec", [SAME, SQUARE, GROUPED, TRANSPOSED])
def test_written_model_is_valid_and_its_answers_are_those_of_onnx_runtime(tmp_path, spec):
    layer = layer_of(spec, is_transposed=spec == TRANSPOSED)
    path = exported(tmp_path / "model.onnx", layer, spec)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    model = onnx_model.load(path)
    run, _ = onnx_model.in_runtime(path)
    images = np.random.default_rng(0).integers(-3, 4, (2, *model.shape[1:])).astype(np.float32)
    assert np.allclose(run(images), model.answer(images), rtol=1e-5, atol=1e-5)


@pytest.mark.framework("torch")
@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("name", TORCH)
@pytest.mark.filterwarnings("ignore")
def test_export_of_torch_here_is_its_layer(tmp_path, name, dynamo):
    import torch

    if dynamo and importlib.util.find_spec("onnxscript") is None:
        pytest.skip("torch's newer exporter needs onnxscript")
    text, image = TORCH[name]
    layer, path = eval(text, vars(torch.nn)), tmp_path / "model.onnx"
    torch.onnx.export(layer, (torch.zeros(1, *image),), path, dynamo=dynamo)
    assert judge(_of_torch(layer), onnx_model.load(path)).passed
    assert not judge(layer_of_torch(name), onnx_model.load(path)).passed  # that has other weights
