"""The rounded verdict: accuracy in units of eps * gauge, against the exact answer."""

from __future__ import annotations

import numpy as np
import pytest
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.conformance import Capabilities
from reference_impl.exact.formats import FORMATS
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.agreement import THRESHOLD, Disagreement, assert_rounded
from reference_impl.verdicts.call import numpy_dtype
from reference_impl.verdicts.real_data import KINDS, real_task

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1")


def rounded_answer(task, dtype):
    return task.exact.astype(numpy_dtype(dtype))


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FORMATS)
def test_exact_answer_rounded_once_is_half_a_unit_off_at_most(dtype, kind, operation):
    task = real_task(CASE.with_dtype(dtype), operation, 0, kind)
    accuracy = assert_rounded(rounded_answer(task, dtype), task, dtype)
    assert accuracy.median <= accuracy.worst <= 0.5


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cancelling_data_cancel(dtype, operation):
    task = real_task(Case.parse(f"n8_h9w9c8_k2x2o8_{dtype}"), operation, 0, "cancelling")
    assert np.median(task.gauge / np.abs(task.exact)) > 100


@pytest.mark.parametrize("dtype", FORMATS)
def test_subnormal_data_reach_the_subnormal_numbers(dtype):
    task = real_task(CASE.with_dtype(dtype), "conv2d", 0, "subnormal")
    assert (np.abs(task.exact) < FORMATS[dtype].smallest_normal).any()


def test_assert_rounded_fails_at_the_threshold_and_passes_below():
    task = real_task(CASE, "conv2d", 0, "cancelling")  # its errors are judged one by one
    unit = FORMATS["float32"].eps * task.gauge
    assert_rounded(task.exact + unit * (THRESHOLD - 1), task, "float32")
    with pytest.raises(Disagreement, match=r"within 16 eps \* gauge of the exact one \(cancelling data\)"):
        assert_rounded(task.exact + unit * (THRESHOLD + 0.01), task, "float32")


def test_assert_rounded_allows_the_declared_factor():
    task = real_task(CASE, "conv2d", 0, "normal")
    answer = task.exact + FORMATS["float32"].eps * task.gauge * 20
    assert_rounded(answer, task, "float32", factor=2)
    with pytest.raises(Disagreement):
        assert_rounded(answer, task, "float32")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_assert_rounded_fails_when_an_element_is_not_finite(value):
    task = real_task(CASE, "conv2d", 0, "normal")
    answer = rounded_answer(task, "float32")
    answer.flat[3] = value
    with pytest.raises(Disagreement, match=r"1 of \d+ elements are wrong"):
        assert_rounded(answer, task, "float32")


def test_assert_rounded_demands_zero_where_the_gauge_is_zero():
    task = real_task(Case.parse("n1_h2w2c1_k1x1o1_p1,0,0,0"), "conv2d", 0, "normal")
    answer = rounded_answer(task, "float32")
    assert_rounded(answer, task, "float32")
    answer[0, 0] = 1e-40
    with pytest.raises(Disagreement, match="ratio inf"):
        assert_rounded(answer, task, "float32")


def test_assert_rounded_says_nothing_where_the_gauge_overflows():
    task = real_task(CASE, "conv2d", 0, "normal")
    task.__dict__["gauge"] = np.full_like(task.exact, 1e39)
    assert assert_rounded(np.full(task.exact.shape, np.inf, np.float32), task, "float32") is None


class FixedPoint(Right):
    """Keeps 20 bits behind the point: exact on integers."""

    def spoil(self, answer, arrays):
        return (np.round(answer * 2.0**20) / 2.0**20).astype(answer.dtype)


class FlushesSubnormals(Right):
    def spoil(self, answer, arrays):
        return np.where(np.abs(answer) < FORMATS["float32"].smallest_normal, answer.dtype.type(0), answer)


class DeclaresThatItFlushes(FlushesSubnormals):
    capabilities = Capabilities(dtypes=("float32",), flushes=("float32",))


def outcomes(backend, seeds=range(12)):
    return {
        (record.check, record.outcome)
        for seed in seeds
        for record in judge(Subject.of(backend), CASE, "conv2d", seed)
        if record.outcome != outcome.PASS
    }


@pytest.mark.parametrize("backend", [FixedPoint, FlushesSubnormals])
def test_only_the_rounded_check_catches_its_fault(backend):
    assert outcomes(backend()) == {("rounded", outcome.FAIL)}


def test_declared_flush_passes():
    assert outcomes(DeclaresThatItFlushes()) == set()


@pytest.mark.parametrize("weaker", [{"factor": 4}, {"planewise": True}], ids=lambda weaker: next(iter(weaker)))
def test_weaker_claim_must_come_with_a_citation(weaker):
    with pytest.raises(ValueError, match="must come with a citation"):
        Capabilities(**weaker)
    assert not Capabilities(**weaker, citation="https://arxiv.org/abs/1803.10986").plain_sum
