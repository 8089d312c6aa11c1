"""The kernel that Numba compiles passes every check, and is caught when it is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from examples.kernels.numba_kernel import Numba
from reference_impl.cases import catalogue
from reference_impl.conformance import check_backend
from reference_impl.operations import OPERATIONS

CASES = catalogue.load("curated")[::12]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernel_passes(case):
    report = check_backend(Numba(), [case])
    assert report.passed, report


class WithoutDilation(Numba):
    def add(self, asked, padded, filters, output, plan):
        return super().add(asked, padded, filters, output, replace(plan, dilations=(1, 1)))


def test_kernel_is_caught_when_it_does_not_dilate():
    report = check_backend(WithoutDilation(), ["n1_h9w8c2_k3x2o3_d2x3"])
    assert {record.operation for record in report.failures} == set(OPERATIONS)
