"""Every snippet that `explain` prints gives the oracle's bits; what it calls impossible is impossible."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.explain import FRAMEWORKS, sizes, snippets
from reference_impl.explain.snippet import RESULTS
from reference_impl.verdicts.agreement import Disagreement, assert_exact, assert_shape_and_dtype
from reference_impl.verdicts.call import array_shapes, oracle
from reference_impl.verdicts.integers import integer_call

CURATED = catalogue.load("curated")
EMPTY = [case for case in CURATED if 0 in (*case.input_sizes, case.output_channels)]
GENERAL = Case.parse("n2_h10w14c6_k3x4o7_s2x3_SAME")
GROUPED = Case.parse("n2_h9w8c6_k2x3o9_s2x3_g3_SAME")
DILATED = Case.parse("n2_h11w13c3_k3x2o4_s1x2_d3x2_p1,0,2,1")


def marked(framework, *values):
    needed = ("onnx", "onnxruntime") if framework == "onnx" else (framework,)
    marks = [pytest.mark.framework(name) for name in needed]
    return pytest.param(framework, *values, marks=marks, id="-".join(map(str, (framework, *values))))


def run(snippet, case, operation):
    """Raise unless the code gives the oracle's answer. Arrays that the operation does not take are ones."""
    call = integer_call(case, operation, seed=0)
    names = {"input": "out_backprop"} if operation == "conv2d_transpose" else {}
    shapes = array_shapes(case, "conv2d") | {"out_backprop": case.output_shape}
    given = {name: np.ones(shape, case.dtype) for name, shape in shapes.items()}
    given |= {names.get(name, name): array for name, array in call.arrays.items()}
    exec(compile(snippet.code, snippet.title, "exec"), given)
    actual, expected = np.asarray(given[RESULTS[operation]]), oracle(call)
    assert_shape_and_dtype(actual, expected.shape, case.dtype)
    assert_exact(actual, expected, call)


def has_onednn():
    from reference_impl.backends.tensorflow.functions import ONEDNN_DTYPES

    return "float32" in ONEDNN_DTYPES


def needs_more(framework, snippet):
    """True if the remark names oneDNN, which TensorFlow leaves off here."""
    return framework in ("tensorflow", "keras") and "oneDNN" in snippet.remark and not has_onednn()


def fails(snippet, case, operation):
    """True if the framework refuses the code with any error, or gives another answer."""
    try:
        run(snippet, case, operation)
    except Exception as error:
        return not isinstance(error, (SyntaxError, NameError))
    return False


@pytest.mark.parametrize(
    ("framework", "case"), [marked(framework, case) for framework in FRAMEWORKS for case in CURATED]
)
def test_snippet_equals_the_oracle(framework, case):
    found = snippets(framework, case)
    assert {operation for snippet in found for operation in snippet.operations} == set(RESULTS)
    for snippet in found:
        for operation in snippet.operations if not snippet.lack else ():
            if needs_more(framework, snippet):
                assert fails(snippet, case, operation)
            else:
                run(snippet, case, operation)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize("framework", [marked(framework) for framework in FRAMEWORKS])
def test_snippet_equals_the_oracle_in_other_dtypes(framework, dtype):
    case = GENERAL.with_dtype(dtype)
    for snippet in snippets(framework, case):
        for operation in snippet.operations if snippet.code else ():
            assert not snippet.lack or fails(snippet, case, operation)
            if not snippet.lack:
                run(snippet, case, operation)


@pytest.mark.parametrize(
    ("framework", "case", "right", "wrong"),
    [
        marked("torch", GENERAL, "(1, 1, 0, 1)", "(0, 1, 1, 1)"),
        marked("torch", GENERAL, "(1, 1, 0, 1)", "(1, 1, 1, 0)"),
        marked("torch", GENERAL, "(3, 2, 0, 1)", "(3, 2, 1, 0)"),
        marked("torch", GENERAL, "1:15", ":14"),
        marked("torch", GROUPED, "groups=3", "groups=1"),
        marked("tensorflow", DILATED, "[2, 1]", "[1, 2]"),
        marked("tensorflow", GENERAL, '"SAME"', '"VALID"'),
        marked("jax", DILATED, "(3, 2)", "(2, 3)"),
        marked("onnx", DILATED, "[1, 2, 0, 1]", "[1, 0, 2, 1]"),
        marked("keras", GENERAL, '"same"', '"valid"'),
    ],
)
def test_wrong_snippet_is_seen(framework, case, right, wrong):
    changed = [one for one in snippets(framework, case) if right in one.code and not one.lack]
    assert changed
    for snippet in changed:
        spoilt = replace(snippet, code=snippet.code.replace(right, wrong))
        assert any(fails(spoilt, case, operation) for operation in snippet.operations)


@pytest.mark.parametrize(
    ("framework", "case"),
    [
        marked("keras", case)
        for case in CURATED
        if case not in EMPTY and any(one.lack and one.code for one in snippets("keras", case))
    ],
)
def test_keras_refuses_what_it_is_said_to_refuse(framework, case):
    for snippet in snippets(framework, case):
        if snippet.lack and snippet.code:
            assert all(fails(snippet, case, operation) for operation in snippet.operations)


@pytest.mark.parametrize(
    ("framework", "case"),
    [
        marked(framework, case)
        for framework in ("tensorflow", "torch", "keras")
        for case in [*EMPTY, Case.parse("n1_h0w5c2_k2x2o3_p1,1,0,0")]
        if all(one.lack for one in snippets(framework, case))
    ],
)
def test_some_calls_of_an_empty_case_fail(framework, case):
    found = [snippet for snippet in snippets(framework, case) if snippet.code]
    needs_onednn = framework in ("tensorflow", "keras") and 0 not in (case.input_channels, case.height)
    if not needs_onednn or has_onednn():
        assert any(fails(snippet, case, operation) for snippet in found for operation in snippet.operations)


@pytest.mark.framework("keras")
def test_keras_has_no_function_for_the_filter_gradient():
    import keras

    found = {name for name in dir(keras.ops) if "conv" in name and not name.startswith("convert")}
    assert found == {"conv", "conv_transpose", "depthwise_conv", "separable_conv"}


@pytest.mark.framework("onnx")
def test_onnx_has_no_operator_for_the_filter_gradient():
    import onnx

    found = {schema.name for schema in onnx.defs.get_all_schemas() if "Conv" in schema.name and schema.domain == ""}
    assert found == {"CausalConvWithState", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "QLinearConv"}


@pytest.mark.framework("onnx")
@pytest.mark.framework("onnxruntime")
def test_onnx_runtime_never_ends_where_groups_have_no_channels():
    case = Case.parse("n2_h7w6c0_k2x3o6_s1x2_g3_SAME_LOWER")
    convolution = snippets("onnx", case)[0]
    assert "never ends" in convolution.lack
    arrays = (
        f"import numpy as np\ninput = np.ones({case.input_sizes}, 'f')\nfilters = np.ones({case.filter_sizes}, 'f')\n"
    )
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", arrays + convolution.code], timeout=30)


@pytest.mark.framework("tensorflow")
@pytest.mark.parametrize("case", [GROUPED, DILATED], ids=str)
def test_tensorflow_needs_onednn_or_a_compiler_for_rare_gradients(case):
    case = case.with_dtype("float64")  # oneDNN has no kernels for it
    transpose = snippets("tensorflow", case)[-1]
    assert "oneDNN" in transpose.remark
    assert fails(transpose, case, "conv2d_transpose")
    head, call = transpose.code.removesuffix(".numpy()").split("transposed = ")
    compiled = f"{head}transposed = tf.function(lambda: {call}, jit_compile=True)().numpy()"
    run(replace(transpose, code=compiled), case, "conv2d_transpose")


PICKED = [
    "n1_h9w8c2_k3x2o3_s2x3",
    "n1_h9w8c2_k3x2o3_s2x4_SAME",
    "n1_h12w11c3_k2x3o2_s5x3_d2x2",
    "n1_h8w8c2_k3x3o3_s2x2_p1,0,2,2",
]


@pytest.mark.framework("jax")
@pytest.mark.parametrize("spec", [spec for spec in PICKED if "_p" not in spec])
def test_jax_picks_as_keras(spec):
    import jax

    case = Case.parse(spec)
    shapes = [jax.ShapeDtypeStruct(shape, "float32") for shape in (case.output_shape, case.filter_sizes)]
    options = {"rhs_dilation": case.dilations, "dimension_numbers": ("NHWC", "HWIO", "NHWC"), "transpose_kernel": True}

    def transpose(images, filters):
        return jax.lax.conv_transpose(images, filters, case.strides, case.padding, **options)

    assert jax.eval_shape(transpose, *shapes).shape[1:3] == tuple(found.keras for found in sizes.transposed(case))


@pytest.mark.framework("onnx")
@pytest.mark.framework("onnxruntime")
@pytest.mark.parametrize("spec", PICKED)
def test_onnx_picks_the_image_without_its_leftover(spec):
    case = Case.parse(spec)
    code = "".join(line for line in snippets("onnx", case)[1].code.splitlines(True) if "output_padding" not in line)
    arrays = {
        "filters": np.ones(case.filter_sizes, "float32"),
        "out_backprop": np.ones(case.output_shape, "float32"),
    }
    exec(code, arrays)
    axes = case.convolution.axes
    assert arrays["transposed"].shape[1:3] == tuple(sizes.onnx_picks(axis) for axis in axes)


@pytest.mark.framework("keras")
def test_keras_picks_another_size_without_output_padding():
    case = Case.parse("n1_h9w9c2_k3x3o3_s2x2_SAME")
    transpose = snippets("keras", case)[1]
    assert "Without output_padding" in transpose.remark
    code = transpose.code.replace("output_padding=(0, 0)", "output_padding=None")
    with pytest.raises(Disagreement, match="shape must be"):
        run(replace(transpose, code=code), case, "conv2d_transpose")
