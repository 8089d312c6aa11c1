"""The assertions accept right answers, refuse wrong ones, and say what is wrong."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from asserted import asserted
from summation import NEAREST, Arithmetic, product

import reference_impl as ref
from examples.kernels.im2col import Im2col
from reference_impl.cases.case import Case
from reference_impl.exact.formats import FORMATS
from reference_impl.operations import OPERATIONS
from reference_impl.testing import assert_conv2d, assert_conv2d_backprop_filter, assert_conv2d_transpose, judgement
from reference_impl.verdicts.call import numpy_dtype
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.real_data import real_task

CASE = Case.parse("n2_h7w9c6_k3x2o4_s2x3_d1x2_g2_p1,2,0,1")


def rounded_once(task, dtype):
    return task.exact.astype(numpy_dtype(dtype))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", FORMATS)
def test_exact_answer_passes_and_one_wrong_element_fails(dtype, operation):
    task = real_task(CASE.with_dtype(dtype), operation, 0, "normal")
    answer = rounded_once(task, dtype)
    asserted(task.call, answer)
    answer.flat[5] += task.gauge.flat[5] * 20 * FORMATS[dtype].eps + 8 * FORMATS[dtype].eps
    with pytest.raises(AssertionError, match=r"1 of \d+ elements are wrong"):
        asserted(task.call, answer)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["int8", "int64", "float16", "bfloat16", "float32", "float64"])
def test_integers_must_be_equal(dtype, operation):
    call = integer_call(CASE.with_dtype(dtype), operation, 0)
    answer = call.run(ref).astype(numpy_dtype(dtype))
    asserted(call, answer)
    place = np.flatnonzero(answer)[3]
    answer.flat[place] -= 1
    with pytest.raises(AssertionError, match=r"on integers the answer must equal the oracle's\n1 of"):
        asserted(call, answer)


def test_sum_that_is_zero_must_not_be_negative():
    x, w = np.array([1, -1], np.float32).reshape(1, 1, 1, 2), np.ones((1, 1, 2, 1), np.float32)
    assert_conv2d(np.zeros((1, 1, 1, 1), np.float32), x, w)
    with pytest.raises(AssertionError, match="1 of 1 elements are wrong"):
        assert_conv2d(-np.zeros((1, 1, 1, 1), np.float32), x, w)


@pytest.fixture
def _all_are_large(monkeypatch):
    monkeypatch.setattr(judgement, "MOST_EXACT", 1000)
    monkeypatch.setattr(judgement, "MOST_SAMPLED", 300)


@pytest.mark.usefixtures("_all_are_large")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_answer_is_judged_by_the_oracle_and_in_part_exactly(dtype, operation):
    task = real_task(CASE.with_dtype(dtype), operation, 0, "normal")
    answer = task.call.run(ref).astype(dtype)
    asserted(task.call, answer, seed=1)
    answer[1] *= 1.001
    with pytest.raises(AssertionError, match=r"of float64's, and its own error of [\d.e-]+ \* gauge"):
        asserted(task.call, answer, seed=1)


@pytest.mark.usefixtures("_all_are_large")
def test_part_of_a_large_answer_is_held_to_the_exact_one():
    """In float64 the oracle's own bound is far above 16 eps; only the part sees this error."""
    task = real_task(CASE.with_dtype("float64"), "conv2d", 0, "normal")
    answer = task.exact + 20 * FORMATS["float64"].eps * task.gauge
    with pytest.raises(AssertionError, match="elements that were computed exactly"):
        asserted(task.call, answer)


def nchw(array):
    return array.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("filter_format", [None, "HWIO", "OHWI"])
def test_nchw(filter_format):
    call = integer_call(CASE, "conv2d", 0)
    answer = call.run(ref).astype(np.float32)
    x, w = call.arrays.values()
    given = ref.layout.convert(w, "HWIO", filter_format or "OIHW")
    options = {**CASE.options, "data_format": "NCHW", "filter_format": filter_format}
    assert_conv2d(nchw(answer), nchw(x), given, **options)
    wrong = nchw(answer).copy()
    wrong[1, 2, 3, 0] += 1
    with pytest.raises(AssertionError, match=r"worst at \[1, 2, 3, 0\] \(image 1, output channel 2, row 3, column 0\)"):
        assert_conv2d(wrong, nchw(x), given, **options)
    with pytest.raises(AssertionError, match=r"shape must be \(2, 4, 4, 3\), not \(2, 4, 3, 4\)"):
        assert_conv2d(answer, nchw(x), given, **options)


def test_sizes_are_in_the_order_of_the_formats():
    call = integer_call(CASE, "conv2d_backprop_filter", 0)
    x, g = call.arrays.values()
    dw = ref.layout.convert(call.run(ref).astype(np.float32), "HWIO", "OIHW")
    assert_conv2d_backprop_filter(dw, nchw(x), dw.shape, nchw(g), data_format="NCHW", **CASE.options)
    call = integer_call(CASE, "conv2d_transpose", 0)
    answer = nchw(call.run(ref).astype(np.float32))
    x, w = call.arrays.values()
    weight = ref.layout.convert(w, "HWIO", "OIHW")
    assert_conv2d_transpose(answer, nchw(x), weight, answer.shape, data_format="NCHW", **CASE.options)


def test_bias_is_added_and_its_lack_is_named():
    call = integer_call(CASE, "conv2d", 0)
    x, w = (np.sign(array) for array in call.arrays.values())
    bias = np.arange(1, 5, dtype=np.float32)
    answer = ref.conv2d(x, w, **CASE.options).astype(np.float32)
    assert_conv2d(answer + bias, x, w, bias=bias, **CASE.options)
    with pytest.raises(AssertionError, match="it fits: the bias is not added"):
        assert_conv2d(answer, x, w, bias=bias, **CASE.options)


def test_known_mistake_is_named_and_its_links():
    task = real_task(CASE, "conv2d", 0, "normal")
    x, w = task.call.arrays.values()
    flipped = ref.conv2d(x, w[::-1, ::-1], **CASE.options).astype(np.float32)
    with pytest.raises(AssertionError) as failed:
        asserted(task.call, flipped)
    assert "it fits the known mistake *kernel-flipped*: The kernel is rotated by 180 degrees" in str(failed.value)
    assert "made before: https://github.com/" in str(failed.value)


def test_known_mistake_is_named_by_the_shape():
    x, w = np.ones((1, 6, 5, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)
    with pytest.raises(
        AssertionError, match=r"shape must be \(1, 6, 5, 1\), not \(1, 4, 3, 1\)\nit fits .*without-padding"
    ):
        assert_conv2d(ref.conv2d(x, w).astype(np.float32), x, w, padding="SAME")


def test_accumulator_and_factor_are_declared():
    task = real_task(CASE, "conv2d", 0, "normal")
    rough = (task.exact + 100 * FORMATS["float32"].eps * task.gauge).astype(np.float32)
    with pytest.raises(AssertionError, match=r"within 16 eps \* gauge"):
        asserted(task.call, rough)
    asserted(task.call, rough, factor=8)
    asserted(task.call, rough, accumulate="float16")


def test_accumulator_that_truncates_is_caught():
    task = real_task(Case.parse("n2_h8w8c8_k3x3o8_SAME"), "conv2d", 0, "normal")
    nearest = rounded_once(task, "float32")
    toward_zero = np.where(np.abs(nearest) > np.abs(task.exact), np.nextafter(nearest, np.float32(0)), nearest)
    asserted(task.call, nearest)
    with pytest.raises(AssertionError, match=r"within its bound, but the errors of .* lean toward zero"):
        asserted(task.call, toward_zero)


class Adds(Im2col):
    """Adds in a known order, with an arithmetic of its own."""

    def __init__(self, order, arithmetic):
        self.order, self.arithmetic = order, arithmetic

    def product(self, a, b):
        return product(a, b, self.order, self.arithmetic).astype(a.dtype)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("order", ["8 lanes", "sequential", "pairwise"])
def test_float32_accumulator_that_truncates_passes_each_element_and_fails_by_bias(order, operation):
    """With a `factor`, each element alone is judged: 16.16 eps * gauge instead of 16."""
    call = real_task(Case.parse("n4_h8w8c8_k3x3o8_SAME"), operation, 0, "normal").call
    asserted(call, call.run(Adds(order, NEAREST)))
    truncated = call.run(Adds(order, Arithmetic(24, "truncated")))
    asserted(call, truncated, factor=1.01)
    with pytest.raises(AssertionError, match=r"each element is within its bound, but the errors .* lean toward zero"):
        asserted(call, truncated)


@pytest.mark.parametrize("name", ["input", "filters"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_reach_what_they_enter(value, name):
    call = integer_call(Case.parse("n2_h6w7c2_k3x3o3_SAME"), "conv2d", 0)
    arrays = call.with_arrays(np.copy).arrays
    arrays[name][1, 1, 1, 1] = value
    with np.errstate(invalid="ignore"):
        answer = ref.conv2d(*arrays.values(), padding="SAME").astype(np.float32)
    assert_conv2d(answer, *arrays.values(), padding="SAME")
    astray = answer.copy()
    astray[np.isfinite(answer)] = np.nan if name == "input" else 7
    with pytest.raises(AssertionError):
        assert_conv2d(astray, *arrays.values(), padding="SAME")
    swallowed = np.nan_to_num(answer, nan=0.0, posinf=1.0, neginf=-1.0)
    with pytest.raises(
        AssertionError, match="NaN and infinities must reach exactly the elements whose sums they enter"
    ) as failed:
        assert_conv2d(swallowed, *arrays.values(), padding="SAME")
    assert "known mistake" not in str(failed.value)
    arrays[name][1, 1, 1, 1] = 0
    ignored = ref.conv2d(*arrays.values(), padding="SAME").astype(np.float32)
    arrays[name][1, 1, 1, 1] = value
    with pytest.raises(AssertionError, match="it fits: NaN and infinities are taken as zero"):
        assert_conv2d(ignored, *arrays.values(), padding="SAME")


X, W, Y = np.ones((1, 4, 4, 2), np.float32), np.ones((3, 3, 2, 1), np.float32), np.full((1, 2, 2, 1), 18, np.float32)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"strides": 0}, ValueError, "strides must be >= 1, not 0"),
        ({"padding": 1}, ValueError, r"padding must be one of .*, or \(\(top, bottom\), \(left, right\)\); not 1"),
        ({"data_format": "CHWN"}, ValueError, "data_format must be one of NHWC, NCHW; not 'CHWN'"),
        ({"filter_format": "HWII"}, ValueError, "filter_format must be the letters of HWIO in some order; not 'HWII'"),
        ({"dtype": "float8"}, ValueError, "dtype must be one of int8, .*; not 'float8'"),
        ({"accumulate": "int32"}, ValueError, "accumulate must be one of float16, .*; not 'int32'"),
        ({"factor": 0.5}, ValueError, "factor must be at least 1, and finite; not 0.5"),
        ({"factor": "2"}, TypeError, "factor must be a number, not '2' of type str"),
        ({"seed": -1}, ValueError, "seed must be >= 0, not -1"),
        ({"bias": np.ones(2)}, ValueError, r"bias must have shape \(1,\), .*; not \(2,\)"),
        ({"bias": np.array([np.nan])}, ValueError, "bias must be finite"),
        ({"filters": W[..., 0]}, ValueError, r"filters must have 4 axes \(H W I O\), not shape \(3, 3, 2\)"),
        ({"filters": W[:, :, :1]}, ValueError, "filters's third axis must be the input channels / groups: 1 != 2 / 1"),
        (
            {"input": X.astype(complex)},
            TypeError,
            "input must hold integers, bool or float16, .*; not dtype complex128",
        ),
        ({"input": object()}, TypeError, "input must hold integers, .*; not dtype object"),
        ({"input": np.ma.masked_array(X)}, TypeError, "input must be a plain array, not a masked one"),
        ({"filters": None}, TypeError, "filters must hold integers, .*; not dtype object, which a NoneType gives"),
        ({"input": X.astype(object)}, TypeError, "input must hold integers, .*; not dtype object$"),
        ({"input": np.float32(1)}, ValueError, r"input must have 4 axes \(N H W C\), not shape \(\)"),
        ({"filters": W[:0]}, ValueError, r"kernel size must be >= 1 .*: filters has shape \(0, 3, 2, 1\)"),
        ({"data_format": "nchw"}, ValueError, "data_format must be one of NHWC, NCHW; not 'nchw'"),
        (
            {"input": X.transpose(0, 3, 1, 2), "filters": W.transpose(3, 2, 0, 1)},
            ValueError,
            r'third axis must be .*: 3 != 4 / 1 .*; these arrays would fit data_format="NCHW"',
        ),
        (
            {"input": X.transpose(0, 3, 1, 2), "filters": W.transpose(3, 2, 0, 1)[:, :1], "data_format": "NCHW"},
            ValueError,
            r"third axis must be .*: 1 != 2 / 1 .* \(sizes in this message are in the order NHWC and HWIO\)",
        ),
        (
            {"input": X / 3, "dtype": "int32"},
            ValueError,
            "dtype must be one of float16, .* that are not whole, not int32",
        ),
    ],
)
def test_bad_argument_raises_no_assertion_error(changed, error, message):
    arguments = {"input": X, "filters": W, **changed}
    with pytest.raises(error, match=message):
        assert_conv2d(Y, arguments.pop("input"), arguments.pop("filters"), **arguments)


@pytest.mark.parametrize("answer", [None, 18.0, Y.tolist(), np.ma.masked_array(Y)])
def test_answer_that_is_no_array_fails(answer):
    with pytest.raises(AssertionError, match="the answer must be an array, not"):
        assert_conv2d(answer, X, W)


def test_dtype_of_the_answer():
    with pytest.raises(AssertionError, match=r'dtype must be float32, not float64\nnext: .*: dtype="float64"'):
        assert_conv2d(Y.astype(np.float64), X, W)
    with pytest.raises(
        AssertionError, match=r"must be float64, not float32\n.*\ngiven are: input float32, filters float64"
    ):
        assert_conv2d(Y, X, W.astype(np.float64))
    with pytest.raises(AssertionError, match=r"dtype must be float32, not complex64\n.*filters float32$"):
        assert_conv2d(Y.astype(np.complex64), X, W)
    assert_conv2d(Y.astype(np.float64), X, W, dtype="float64")
    assert_conv2d(Y.astype(np.int16), X.astype(np.int8), W.astype(np.int8))


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0)])
def test_empty_arrays(shape):
    filters = np.ones((3, 3, shape[3], 1), np.float32)
    assert_conv2d(np.zeros((shape[0], 2, 2, 1), np.float32), np.ones(shape, np.float32), filters)


@pytest.mark.framework("torch")
def test_tensors_that_hold_nothing_to_read_are_named():
    import torch

    x, w = (torch.from_numpy(array) for array in (X, W))
    with pytest.raises(TypeError, match=r"filters must be an array, .*Tensor raised .*[Mm]eta"):
        assert_conv2d(Y, x, w.to("meta"))
    with pytest.raises(TypeError, match=r"actual must be an array, .*Tensor raised .*[Mm]eta"):
        assert_conv2d(torch.from_numpy(Y).to("meta"), x, w)
    assert_conv2d(torch.from_numpy(Y).requires_grad_(), x.requires_grad_(), w, dtype=torch.float32)
    with pytest.raises(AssertionError, match=r"shape must be \(1, 2, 2, 1\), not \(\)\nnext: "):
        assert_conv2d(torch.tensor(18.0), x, w)


class Foreign:
    """An array of a library that has DLPack alone."""

    def __init__(self, array):
        self._array, self.dtype = array, "foreign"

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_dlpack_alone_is_enough():
    assert_conv2d(Foreign(Y.copy()), Foreign(X.copy()), Foreign(W.copy()))


def test_tensor_that_cannot_be_read_is_named():
    class Elsewhere(Foreign):
        def __dlpack__(self, **options):
            raise BufferError("on another device")

    with pytest.raises(
        TypeError, match=r"filters must be an array, .*; Elsewhere raised BufferError: on another device"
    ):
        assert_conv2d(Y, X, Elsewhere(W))


def test_only_numpy_is_imported():
    code = (
        "import sys, numpy; before = set(sys.modules); from reference_impl.testing import assert_conv2d\n"
        "one = numpy.ones((1, 2, 2, 1), 'float32')\n"
        "try: assert_conv2d(one, one, 2 * one[:1, :1, :1] + one[:1, :1, :1])\n"
        "except AssertionError as error: assert 'wrong' in str(error)\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) <= {"reference_impl", "numpy"}
