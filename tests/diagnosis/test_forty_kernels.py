"""The wrong kernels are as they are said to be, and some of the forty are diagnosed rightly."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from diagnosis.forty_kernels import KERNELS
from diagnosis.twenty_kernels import KERNELS as HELD_OUT

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.diagnosis import diagnose
from reference_impl.diagnosis.conditions import outcomes_of
from reference_impl.diagnosis.stale import stale
from reference_impl.mistakes import by_name
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.outcome import Record
from reference_impl.run.subject import Subject
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.integers import integer_call

_EXACT = [check for check in CHECKS if check.name == "exact"]
SMOKE = tuple(catalogue.load("smoke"))
_MORE = "n1_h17w17c1_k1x1o1 n1_h5w4c1_k3x3o1_s2x1_float64 n1_h2w3c2_k2x1o2 n1_h3w4c1_k1x1o1_s2x1"
CASES = [*SMOKE, *map(Case.parse, _MORE.split())]


@functools.cache
def call_of(case, operation):
    call = integer_call(case, operation, seed=0)
    return call, oracle(call)


def is_wrong(kernel, case):
    call, right = call_of(case, kernel.operation)
    try:
        return not np.array_equal(call.run(kernel.backend()), right)
    except (NotImplementedError, IndexError, ValueError):
        return True


BOTH = [*KERNELS, *HELD_OUT]


def test_there_are_sixty_kernels_of_different_names():
    assert len({kernel.name for kernel in BOTH}) == len(BOTH) == 60


@pytest.mark.parametrize("kernel", BOTH, ids=lambda kernel: kernel.name)
def test_kernel_is_wrong_only_under_its_condition(kernel):
    if kernel.wrong is None or kernel.remembers:
        assert kernel.mistakes or kernel.name == "ones-for-zeros-in-the-filter-gradient"
        return
    wrong = [case for case in CASES if is_wrong(kernel, case)]
    assert wrong, "it is right on all cases"
    assert [case for case in wrong if not kernel.wrong(case)] == []


@pytest.mark.parametrize("kernel", [one for one in BOTH if one.mistakes], ids=lambda kernel: kernel.name)
def test_mistakes_are_known_for_the_operation(kernel):
    assert all(kernel.operation in by_name(mistake).operations for mistake in kernel.mistakes if mistake)


def diagnosis_of(name):
    """Judge a kernel on the smoke cases, and diagnose the failure that the run would diagnose."""
    kernel = next(one for one in KERNELS if one.name == name)
    subject = Subject.of(kernel.backend(), remake=kernel.backend)
    judged = [judge(subject, case, kernel.operation, checks=_EXACT) for case in SMOKE]
    records = [record for of_case in judged for record in of_case]
    first = next(record for record in records if record.unexpected)
    return diagnose(subject, first, 60, outcomes=outcomes_of(records, first))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("batch-above-1", "wrong where batch above 1, and only there: "),
        ("kernel-other-than-3x3", "wrong where kernel other than 3 x 3, and only there: "),
        ("eight-channels-per-group", "channels per group 9 or more"),
        ("refuses-dilation", "lambda operation, case: case.dilations != (1, 1)),)"),
        ("refuses-dilation", 'lacks=(Lack("dilation is not supported", '),
    ],
)
def test_condition_is_named(name, said):
    diagnosis = diagnosis_of(name)
    assert diagnosis.mistakes == []
    assert said in diagnosis.text


def test_each_of_two_conditions_is_named():
    text = diagnosis_of("strided-or-dilated").text
    assert {"strided", "dilated"} <= {word for line in text.splitlines() for word in line.replace(":", " ").split()}


def test_stale_answer_is_told_as_a_cache():
    kernel = next(one for one in KERNELS if one.name == "answers-kept-without-padding")
    subject = Subject.of(kernel.backend(), remake=kernel.backend)
    case = Case.parse("n2_h6w7c2_k3x3o2_p1,1,0,0")
    record = Record(subject.name, "", "conv2d", str(case), "other_options", outcome.FAIL)
    assert stale(subject, record) == [
        "a cache: it gives the answer of an earlier call with the same shapes and other padding"
    ]
