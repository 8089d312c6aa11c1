"""One special value among integers: what it must reach, and what it may."""

from __future__ import annotations

import numpy as np
import pytest

import reference_impl
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.agreement import Disagreement, assert_special_values
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.special_values import special_task

CASE = Case.parse("n2_h7w9c4_k3x2o6_s2x3_d1x2_g2_p1,2,0,1")


def tasks(operation, case=CASE):
    return [special_task(integer_call(case, operation, seed), seed) for seed in range(20)]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_special_value_reaches_what_sums_it_in_a_float64_sum(operation):
    """The oracle may multiply padding; elsewhere its own floats say where the value goes."""
    for task in tasks(operation):
        with np.errstate(invalid="ignore"):
            wide = task.call.with_arrays(lambda array: array.astype(np.float64))
            answer = wide.run(reference_impl)
        assert_special_values(answer, task)
        assert not np.isfinite(answer[task.reached]).any()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_elements_around_are_those_of_its_channel_that_do_not_sum_it(operation):
    for task in tasks(operation):
        assert not (task.around & task.reached).any()
        channels = np.flatnonzero(task.around.any(axis=(0, 1, 2)))
        assert len(channels) <= 1


def test_every_array_and_every_special_value_is_drawn():
    said = {tuple(task.said.split()[:3:2]) for operation in OPERATIONS for task in tasks(operation)}
    assert said == {(value, name) for value in ("nan", "inf", "-inf") for name in ("input", "filters", "out_backprop")}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_value_too_many_or_too_few_is_a_disagreement(operation):
    task = next(task for task in tasks(operation) if task.reached.any())
    reached = np.argwhere(task.reached)
    finite = np.argwhere(~(task.reached | task.around))
    for index, wrong in ((reached[0], 0.0), (finite[0], np.nan), (finite[0], np.inf)):
        answer = task.expected.copy()
        answer[tuple(index)] = wrong
        with pytest.raises(Disagreement, match="must reach exactly the elements whose sums it enters"):
            assert_special_values(answer, task)


@pytest.mark.parametrize("value", [np.nan, None])
def test_what_a_padding_zero_does_is_told(value):
    task = next(task for task in tasks("conv2d") if task.around.any())
    answer = task.expected.copy()
    if value is not None:
        answer[task.around] = value
    assert assert_special_values(answer, task) is (value is not None)


def test_nothing_special_where_there_is_nothing():
    assert special_task(integer_call(Case.parse("n0_h7w9c3_k3x2o4"), "conv2d", 0), 0) is None
    assert special_task(integer_call(Case.parse("n1_h7w9c3_k3x2o4_int32"), "conv2d", 0), 0) is None
