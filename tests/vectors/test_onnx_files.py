"""Golden vectors in ONNX: ONNX Runtime and onnx's own loader replay them, and both see a wrong model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from manifest_schema import VALIDATOR
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner
from onnx.reference import ReferenceEvaluator
from typer.testing import CliRunner

from examples.onnx_replay import replay
from reference_impl.cli import app
from reference_impl.vectors import manifest, onnx_files

# onnx's reference has no transposed convolution in groups, so only ONNX Runtime replays the last.
SPECS = ("n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1", "n1_h6w5c2_k3x2o3_d2x1_SAME", "n2_h9w7c6_k3x2o4_s2x1_d2x3_g2_SAME_LOWER")


def run(*words):
    result = CliRunner().invoke(app, list(map(str, words)), terminal_width=100)
    return result.exit_code, " ".join(result.output.split())


def exported(folder, *specs):
    words = [word for spec in specs for word in ("--cases", spec)]
    status, said = run("export", folder, "--format", "onnx", *words)
    assert status == 0, said
    return folder


def with_padding_turned_around(vectors, copy):
    """Copy the vectors, with models that pad at the end what must be padded at the beginning."""
    shutil.copytree(vectors, copy)
    for path in copy.glob("*/model.onnx"):
        model = onnx.load(path)
        (pads,) = (attribute.ints for attribute in model.graph.node[0].attribute if attribute.name == "pads")
        pads[:] = [*pads[2:], *pads[:2]]
        onnx.save(model, path)
    return copy


def replayed_by_onnx(vectors):
    """Return the vectors on which onnx's reference differs from the test data, by its own tolerance."""
    wrong = []
    for case in load_model_tests(str(vectors.parent), vectors.name):
        model = onnx.load(Path(case.model_dir, onnx_files.MODEL))
        onnx.checker.check_model(model, full_check=True)
        given, expected = (
            numpy_helper.to_array(onnx.load_tensor(Path(case.model_dir, name)))
            for name in (onnx_files.INPUT, onnx_files.OUTPUT)
        )
        answers = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: given})
        try:
            Runner.assert_similar_outputs([expected], answers, case.rtol, case.atol)
        except AssertionError:
            wrong.append(case.name)
    return wrong


def test_export_gives_the_same_bytes_again(tmp_path):
    folders = [exported(tmp_path / name, *SPECS) for name in ("one", "other")]
    first, second = ({str(path.relative_to(folder)): path for path in folder.rglob("*.*")} for folder in folders)
    assert first.keys() == second.keys()
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in first if first[name].is_file())


def test_onnx_runtime_replays_them_rightly(tmp_path):
    vectors = exported(tmp_path / "vectors", *SPECS)
    replay(vectors, tmp_path / "results")
    status, said = run("compare", vectors, tmp_path / "results")
    assert status == 0, said
    assert "18 vectors: 18 pass." in said


def test_onnx_runtime_shows_a_wrong_model(tmp_path):
    vectors = exported(tmp_path / "vectors", SPECS[0])
    replay(with_padding_turned_around(vectors, tmp_path / "wrong"), tmp_path / "results")
    status, said = run("compare", vectors, tmp_path / "results")
    assert status == 1
    assert "6 vectors: 6 fail." in said
    assert "on integers the answer must equal the oracle's" in said


def test_onnx_replays_them_rightly_and_sees_a_wrong_model(tmp_path):
    vectors = exported(tmp_path / "vectors", *SPECS[:2])
    assert replayed_by_onnx(vectors) == []
    wrong = with_padding_turned_around(vectors, tmp_path / "wrong")
    assert len(replayed_by_onnx(wrong)) == 12


def test_what_onnx_cannot_express_is_left_out_and_named(tmp_path):
    words = ["--cases", SPECS[0], "--cases", "n0_h5w6c3_k3x2o4", "--cases", "n1_h4w5c2_k2x2o3_int8"]
    status, said = run("export", tmp_path / "vectors", "--format", "onnx", *words)
    assert status == 0
    assert "3 calls left out: ONNX has no operator for the filter gradient" in said
    assert "3 calls left out: ONNX does not define convolutions of empty arrays" in said
    assert "3 calls left out: ONNX's convolutions take no int8 in opset 11" in said
    assert "6 vectors and manifest.json" in said
    document = json.loads((tmp_path / "vectors" / manifest.NAME).read_text())
    VALIDATOR.validate(document)
    assert len(document["left_out"]) == 9


def test_export_of_nothing_is_refused(tmp_path):
    words = ["--operation", "conv2d_backprop_filter", "--cases", SPECS[0]]
    status, said = run("export", tmp_path / "vectors", "--format", "onnx", *words)
    assert status == 2
    assert "there must be something to export; no call is left: ONNX has no operator for the filter gradient" in said
    assert not (tmp_path / "vectors").exists()


def test_compare_refuses_a_model_that_is_not_as_exported(tmp_path):
    vectors = with_padding_turned_around(exported(tmp_path / "vectors", SPECS[0]), tmp_path / "wrong")
    replay(vectors, tmp_path / "results")
    status, said = run("compare", vectors, tmp_path / "results")
    assert status == 2
    assert "must be as exported, with SHA-256" in said


FLAT = numpy_helper.from_array(np.zeros(3, np.float32)).SerializeToString()


@pytest.mark.parametrize("content", [b"\xff\xff", b"", FLAT], ids=["binary", "empty", "flat"])
def test_compare_names_a_result_that_is_no_such_tensor(tmp_path, content):
    vectors = exported(tmp_path / "vectors", SPECS[0])
    replay(vectors, tmp_path / "results")
    (tmp_path / "results" / f"conv2d.{SPECS[0]}.integer.pb").write_bytes(content)
    status, said = run("compare", vectors, tmp_path / "results")
    assert status == 1
    assert "must hold ONNX tensors of rank 4" in said
    assert "6 vectors: 5 pass, 1 unreadable." in said
