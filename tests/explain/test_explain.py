"""`python -m reference_impl explain`: its numbers, and that its code is printed as it is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from math import ceil, floor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reference_impl.backends.padding import explicit
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.cli import app
from reference_impl.explain import FRAMEWORKS, sizes, snippets
from reference_impl.operations import OPERATIONS

CASES = catalogue.load("curated")
SPEC = "n2_h11w15c4_k4x5o6_s3x2_d2x1_g2_SAME"


def run(*words, width=80):
    return CliRunner().invoke(app, ["explain", *words], env={"COLUMNS": str(width)})


def words_of(*words):
    """Return all words that are printed, whatever the line breaks."""
    result = run(*words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def value(arithmetic):
    """Return the value of all sides of `a = b = c`."""
    sides = {eval(side, {"max": max, "ceil": ceil, "floor": floor}) for side in arithmetic.split(" = ")}
    assert len(sides) == 1, arithmetic
    return sides.pop()


def measured(case, mode):
    """Return the zeros and the output along each axis where the kernel fits; the zeros as adapters count them."""
    padding = case.padding if mode == "EXPLICIT" else mode
    pads = explicit(padding, (case.height, case.width), case.kernel_size, case.strides, case.dilations)
    fits = [found.sizes is not None for found in sizes.derivations(case) if found.mode == mode]
    output = replace(case, padding=padding).output_shape[1:3] if all(fits) else (None, None)
    return list(zip(pads, output, strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_arithmetic_of_every_mode_comes_to_the_sizes(case):
    found = [one for one in sizes.derivations(case) if one.sizes is not None]
    assert {one.mode for one in found} >= {case.padding_mode}
    for one in found:
        pads, outputs = measured(case, one.mode)[("height", "width").index(one.axis)]
        assert (one.sizes.pad_before, one.sizes.pad_after) == pads
        assert value(one.zeros.removesuffix(" on each side")) == (pads[0] if one.mode == "FULL" else sum(pads))
        output, _, leftover = one.output.partition(", leftover ")
        assert value(output) == one.sizes.output_size
        assert outputs in (None, one.sizes.output_size)
        assert (
            int(leftover or 0) == (one.sizes.padded_size - one.sizes.kernel_extent) % case.strides[one.axis == "width"]
        )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_arithmetic_of_terms_and_extents_comes_to_them(case):
    assert {name: value(text) for name, text in sizes.terms(case).items()} == {
        operation: case.convolution.terms(operation) for operation in OPERATIONS
    }
    extents = [(taps - 1) * rate + 1 for taps, rate in zip(case.kernel_size, case.dilations, strict=True)]
    assert [value(text) for text in sizes.extents(case)] == extents


@pytest.mark.parametrize(
    ("spec", "facts"),
    [
        (SPEC, ["SAME * height zeros max((4 - 1) * 3 + 7 - 11, 0) = 5 = 2 + 3 output ceil(11 / 3) = 4"]),
        (SPEC, ["height 4 10 to 12 11 12 - 11", "width 8 15 to 16 15 16 - 15"]),
        (SPEC, ["conv2d_backprop_input 4 * 5 * 6 / 2 = 60", "2 * 4 * 8 * 6 * 40 = 15,360"]),
        ("n1_h2w3c2_k5x7o3_SAME", ["VALID height zeros 0 + 0 output none: extent 5 > padded 2"]),
        ("n1_h8w9c2_k3x3o3_s2x2", ["output floor((8 - 3) / 2) + 1 = 3, leftover 1", "height 3 7 to 8 8 7 7 7"]),
        ("n1_h1w5c2_k2x2o3_s4x1_p2,2,0,0", ["height 1 1 1 - - -", "width 4 5 5 - 5 5"]),
        ("n1_h0w5c2_k2x2o3_p1,1,0,0", ["height 1 none 0 - - -", "EXPLICIT * height zeros 1 + 1"]),
        ("n1_h5w6c2_k3x3o4_int32", ["Code is shown for float16, float32, float64; not for int32."]),
        ("n2_h5w6c0_k3x2o4", ["PyTorch ─", "No code. torch refuses filters without output channels"]),
        ("n2_h9w8c6_k2x3o9_g3", ["No code. keras.ops.conv_transpose takes no groups"]),
        (
            SPEC,
            [
                "ONNX has no operator for the filter gradient: see the torch or TensorFlow code.",
                "Keras has no function for the filter gradient. Take it by the autodiff of Keras' backend: see",
            ],
        ),
    ],
)
def test_explain_says(spec, facts):
    printed = words_of(spec)
    assert [fact for fact in facts if fact not in printed] == []


@pytest.mark.parametrize("width", [40, 80, 120])
def test_code_is_printed_as_it_is_at_any_width(width):
    result = run(SPEC, width=width)
    codes = [one.code for name in FRAMEWORKS for one in snippets(name, Case.parse(SPEC)) if not one.lack]
    assert all(f"\n{code}\n" in result.output for code in codes)
    rest = result.output
    for code in codes:
        rest = rest.replace(code, "")
    assert max(len(line.rstrip()) for line in rest.splitlines()) <= width


def test_explain_prints_only_what_it_is_asked_for():
    printed = words_of(SPEC, "--framework", "torch", "--framework", "jax", "--operation", "conv2d_transpose")
    assert "F.conv_transpose2d" in printed
    assert "jax.linear_transpose" in printed
    assert "F.conv2d(" not in printed
    assert "tensorflow" not in printed


def test_explain_writes_json(tmp_path):
    path = tmp_path / "out.json"
    assert run(SPEC, "--json", str(path)).exit_code == 0
    record = json.loads(path.read_text())
    assert record["output_shape"] == [2, 4, 8, 6]
    assert record["multiply_adds"] == 15360
    assert record["transposed"][0]["legal"] == [10, 11, 12]
    (same,) = [one for one in record["padding"] if (one["mode"], one["axis"]) == ("SAME", "height")]
    assert (same["sizes"]["pad_before"], same["sizes"]["pad_after"]) == (2, 3)
    assert record["calls"]["torch"][0]["code"] == snippets("torch", Case.parse(SPEC))[0].code


def test_page_shows_what_is_printed():
    page = (Path(__file__).parents[2] / "docs" / "explain.md").read_text()
    (shown,) = re.findall(r"    \$ conv2d-reference explain (.*)\n((?:(?:    .*)?\n)*)", page)
    printed = [f"    {line}".rstrip() for line in run(*shlex.split(shown[0])).output.splitlines()]
    assert shown[1].strip("\n").splitlines() == "\n".join(printed).strip("\n").splitlines()


def test_no_framework_is_imported():
    code = (
        "import sys; from reference_impl.explain import FRAMEWORKS, command; "
        "print(*{'tensorflow', 'torch', 'jax', 'onnx', 'onnxruntime', 'keras'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == []


@pytest.mark.parametrize(
    ("words", "fact"),
    [
        (["n1_h2w2c1_k3x3o1"], "kernel must fit"),
        (["n1_h2"], "should be h<height>w<width>c<input channels>"),
        ([], "give exactly one of SPEC, --torch and --keras"),
        ([SPEC, "--torch", "Conv2d(1, 2, 3)"], "give exactly one of SPEC"),
        ([SPEC, "--input", "8x8"], "must be given with --torch or --keras, and not with SPEC"),
        (["--torch", "Conv2d(1, 2, 3)"], "must be given with --torch or --keras"),
        (["--torch", "Conv2d(1, 2, 3)", "--input", "8"], "must be <height>x<width>"),
        ([SPEC, "--framework", "caffe"], "must be one of tensorflow, torch"),
        ([SPEC, "--operation", "conv3d"], "must be one of conv2d"),
        ([SPEC, "--json", "/no/such/folder/out.json"], "no folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_explain_exits_with_2_when_used_badly(words, fact):
    result = run(*words)
    assert result.exit_code == 2
    assert fact in " ".join(result.output.replace("│", " ").split())
