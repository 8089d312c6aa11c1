"""The forty wrong kernels are as they are said to be, and some of them are diagnosed rightly."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from diagnosis.forty_kernels import KERNELS

from reference_impl.cases import catalogue
from reference_impl.mistakes import by_name
from reference_impl.verdicts.call import oracle
from reference_impl.verdicts.integers import integer_call

SMOKE = tuple(catalogue.load("smoke"))


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


def test_there_are_forty_kernels_of_different_names():
    assert len({kernel.name for kernel in KERNELS}) == len(KERNELS) == 40


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_kernel_is_wrong_only_under_its_condition(kernel):
    if kernel.wrong is None or kernel.remembers:
        assert kernel.mistakes or kernel.name == "ones-for-zeros-in-the-filter-gradient"
        return
    wrong = [case for case in SMOKE if is_wrong(kernel, case)]
    assert [case for case in wrong if not kernel.wrong(case)] == []


@pytest.mark.parametrize("kernel", [one for one in KERNELS if one.mistakes], ids=lambda kernel: kernel.name)
def test_mistakes_are_known_for_the_operation(kernel):
    assert all(kernel.operation in by_name(mistake).operations for mistake in kernel.mistakes)
