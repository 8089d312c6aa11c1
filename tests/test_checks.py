"""Every check catches the fault that it is there for, and no right backend."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from planted import Right

from reference_impl.conformance import outcome
from reference_impl.conformance.cases import OPERATIONS, Case
from reference_impl.conformance.checks import CHECKS
from reference_impl.conformance.runner import Subject, judge

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1")


class AnswersInFloat64(Right):
    def spoil(self, answer, arrays):
        return answer.astype(np.float64)


class DropsTheLastAxis(Right):
    def spoil(self, answer, arrays):
        return answer.reshape((*answer.shape[:-1], 1, -1))


class AnswersAList(Right):
    def spoil(self, answer, arrays):
        return answer.tolist()


class OneElementOff(Right):
    def spoil(self, answer, arrays):
        answer.flat[-1] += 1
        return answer


class OneElementNaN(Right):
    def spoil(self, answer, arrays):
        answer.flat[0] = np.nan
        return answer


class RoundsToBfloat16(Right):
    def _answer(self, operation, *args, **options):
        import ml_dtypes

        rounded = [a.astype(ml_dtypes.bfloat16).astype(a.dtype) if isinstance(a, np.ndarray) else a for a in args]
        return super()._answer(operation, *rounded, **options)


class WritesToAnArgument(Right):
    def spoil(self, answer, arrays):
        arrays[1].flat[0] += 1
        return answer


class AnswersDifferentlyEachTime(Right):
    def __init__(self):
        self.calls = itertools.count()

    def spoil(self, answer, arrays):
        return answer + next(self.calls)


class Raises(Right):
    def spoil(self, answer, arrays):
        raise RuntimeError("could not create a primitive")


def outcomes(backend, operation, case=CASE):
    return {record.check: record.outcome for record in judge(Subject.of(backend), case, operation)}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_checks_pass_a_right_backend(operation, dtype):
    assert set(outcomes(Right(), operation, CASE.with_dtype(dtype)).values()) == {outcome.PASS}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("backend", "check"),
    [
        (AnswersInFloat64, "shape_and_dtype"),
        (DropsTheLastAxis, "shape_and_dtype"),
        (AnswersAList, "shape_and_dtype"),
        (OneElementOff, "exact"),
        (OneElementNaN, "exact"),
        (RoundsToBfloat16, "exact"),
        (WritesToAnArgument, "inputs_unchanged"),
        (AnswersDifferentlyEachTime, "repeatable"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_check_catches_its_fault(backend, check, operation):
    assert outcomes(backend(), operation)[check] == outcome.FAIL


@pytest.mark.parametrize("check", [check.name for check in CHECKS])
def test_check_records_a_refusal_when_the_backend_raises(check):
    assert outcomes(Raises(), "conv2d")[check] == outcome.REFUSED
