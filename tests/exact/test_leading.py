"""The leading slices give the answer of all slices, or none. Parts are worked on one by one, in bounded memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from exact_arithmetic import (
    CASE,
    EVERY_OPERATION,
    KINDS,
    assert_same_bits,
    by_fractions,
    cancelling,
    normal,
    real_arrays,
    run,
    tying,
    wide,
)
from general_cases import GENERAL_CASES

from reference_impl import exact
from reference_impl.cases.case import Case
from reference_impl.exact import leading, parts, rounding, slices
from reference_impl.operations import OPERATIONS

EVERY_WIDE_DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
LARGER = Case.parse("n2_h9w8c12_k3x2o10_s2x1_g2_SAME")
FEW = leading.FEW_PRODUCTS


@pytest.fixture(autouse=True)
def _tries_few_products_too(monkeypatch):
    """Try leading slices on small cases too, which are left to all slices where the result is float64."""
    monkeypatch.setattr(leading, "FEW_PRODUCTS", 0)


@pytest.fixture
def answers(monkeypatch):
    """Collect the answers of `leading.attempt`."""
    seen = []
    attempt = leading.attempt
    monkeypatch.setattr(leading, "attempt", lambda *given: seen.append(attempt(*given)) or seen[-1])
    return seen


def by_all_slices(operation, case, arrays, dtype, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(leading, "attempt", lambda *given: None)
        return run(exact, operation, case, arrays, dtype=dtype)


@EVERY_WIDE_DTYPE
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@EVERY_OPERATION
def test_leading_slices_answer_what_all_slices_do(operation, kind, dtype, monkeypatch):
    for held_as in ("float32", "float64"):
        arrays = real_arrays(LARGER, (kind,) * 3, (held_as,) * 3, seed=3)
        expected = by_all_slices(operation, LARGER, arrays, dtype, monkeypatch)
        assert_same_bits(run(exact, operation, LARGER, arrays, dtype=dtype), expected)


# The second has positions that no window reads, which are zero.
@pytest.mark.parametrize("spec", ["n2_h9w8c12_k3x2o10_VALID", "n2_h9w8c12_k1x2o10_s2x3"])
@EVERY_WIDE_DTYPE
@EVERY_OPERATION
def test_leading_slices_decide_normal_data(operation, dtype, spec, answers):
    case = Case.parse(spec)
    arrays = real_arrays(case, (normal,) * 3, ("float64",) * 3, seed=3)
    run(exact, operation, case, arrays, dtype=dtype)
    assert answers
    assert all(answer is not None for answer in answers)


@EVERY_OPERATION
def test_few_products_are_left_to_all_slices_in_float64_alone(operation, answers, monkeypatch):
    monkeypatch.setattr(leading, "FEW_PRODUCTS", FEW)
    arrays = real_arrays(CASE, (normal,) * 3, ("float64",) * 3, seed=3)
    for dtype in ("float64", "float32"):
        run(exact, operation, CASE, arrays, dtype=dtype)
    assert [answer is None for answer in answers] == [True, False]


@EVERY_WIDE_DTYPE
@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_filter"])
def test_data_sees_an_interval_that_is_not_heeded(operation, dtype, monkeypatch):
    # The planted fault takes the lower end of every interval for the answer.
    interval = rounding.round_interval

    def heedless(*given):
        rounded, decided = interval(*given)
        return rounded, np.ones_like(decided)

    arrays = real_arrays(CASE, (tying,) * 3, ("float32",) * 3, seed=1)
    expected = by_fractions(operation, CASE, arrays, dtype)
    assert_same_bits(run(exact, operation, CASE, arrays, dtype=dtype), expected)
    monkeypatch.setattr(rounding, "round_interval", heedless)
    with pytest.raises(AssertionError, match="not equal"):
        assert_same_bits(run(exact, operation, CASE, arrays, dtype=dtype), expected)


@EVERY_WIDE_DTYPE
@pytest.mark.parametrize("bits", [2, 11, 24])
def test_interval_heeds_the_error(bits, dtype):
    # A number halfway between two others, or within the error of that, is undecided.
    half = {"float32": -24, "float64": -53}[dtype]
    words = [np.full(5, 2.0**52), np.zeros(5), np.zeros(5)]
    for error in (2.0**-30, 2.0 ** (bits - 10)):
        words[1] = 2.0 ** (52 + bits + half) + error * np.array([0, -0.5, 0.5, -1, 1])
        _, decided = rounding.round_interval(words, bits, 0, np.dtype(dtype), error)
        assert not decided.any()


# Groups, pads, dilations, leftovers, and strides above the kernel: positions that no window reads.
PARTS = [CASE, *GENERAL_CASES, *map(Case.parse, ("n1_h9w8c2_k1x2o3_s4x5_d1x2_p0,3,2,1", "n3_h7w6c6_k2x3o6_g6_FULL"))]


# The transposed convolution is the input gradient.
EVERY_DERIVATIVE = pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "conv2d_transpose"])


@pytest.mark.parametrize("case", PARTS, ids=str)
@EVERY_DERIVATIVE
def test_result_does_not_depend_on_the_parts(operation, case, monkeypatch):
    arrays = real_arrays(case, (normal,) * 3, ("float64",) * 3, seed=8)
    expected = run(exact, operation, case, arrays, dtype="float64")
    for elements in (12, 60):
        monkeypatch.setattr(exact, "BLOCK_ELEMENTS", elements)
        assert_same_bits(run(exact, operation, case, arrays, dtype="float64"), expected)


@pytest.mark.parametrize("kind", [wide, cancelling], ids=lambda kind: kind.__name__)
@EVERY_OPERATION
def test_python_integers_do_not_depend_on_the_parts(operation, kind, monkeypatch):
    arrays = real_arrays(CASE, (kind,) * 3, ("float64", "float32", "float16"), seed=8)
    expected = run(exact, operation, CASE, arrays, dtype="float64")
    monkeypatch.setattr(slices, "MAX_SLICES", 2)
    monkeypatch.setattr(exact, "BLOCK_ELEMENTS", 60)
    assert_same_bits(run(exact, operation, CASE, arrays, dtype="float64"), expected)


def without_pads(axis, inputs, outputs):
    part, read = PART_OF(axis, inputs, outputs)
    return replace(part, pad_before=0, pad_after=part.pad_before + part.pad_after), read


def without_the_last(axis, inputs):
    return READERS(axis, inputs)[:-1]


PART_OF, READERS = parts._part_of, parts._readers


@pytest.mark.parametrize(
    ("name", "wrong", "operation"),
    [
        ("_part_of", without_pads, "conv2d"),
        ("_part_of", without_pads, "conv2d_backprop_input"),
        ("_part_of", without_pads, "conv2d_backprop_filter"),
        ("_readers", without_the_last, "conv2d_backprop_input"),
    ],
)
def test_wrong_parts_are_seen(name, wrong, operation, monkeypatch):
    case = PARTS[1]
    arrays = real_arrays(case, (normal,) * 3, ("float64",) * 3, seed=8)
    expected = run(exact, operation, case, arrays, dtype="float64")
    monkeypatch.setattr(exact, "BLOCK_ELEMENTS", 7)
    monkeypatch.setattr(parts, name, wrong)
    with pytest.raises(AssertionError, match="not equal"):
        assert_same_bits(run(exact, operation, case, arrays, dtype="float64"), expected)


def scratch(operation: str, case: Case) -> int:
    arrays = real_arrays(case, (normal,) * 3, ("float32",) * 3, seed=9)
    tracemalloc.start()
    try:
        result = run(exact, operation, case, arrays, dtype="float32")
        return tracemalloc.get_traced_memory()[1] - result.nbytes
    finally:
        tracemalloc.stop()


@EVERY_OPERATION
def test_scratch_does_not_grow_with_the_images(operation, monkeypatch):
    monkeypatch.setattr(exact, "BLOCK_ELEMENTS", 1 << 14)
    few, many = (scratch(operation, Case(batch, 24, 20, 16, (3, 3), 12)) for batch in (4, 32))
    assert many <= 1.1 * few


@pytest.mark.parametrize("spec", ["n1_h2w1c1024_k1x1o2048", "n1_h600w1000c1_k3x3o1_SAME", "n1_h90w90c9_k90x90o3"])
@EVERY_DERIVATIVE
def test_scratch_stays_under_64_mebibytes(operation, spec):
    assert scratch(operation, Case.parse(spec)) < 64 << 20


@EVERY_OPERATION
def test_scratch_is_at_most_75_bytes_an_element(operation):
    case = Case(1, 96, 96, 16, (3, 3), 16, padding="SAME")
    assert scratch(operation, case) <= 75 * case.input_channels * 96 * 96
