"""Correct kernels pass every check, however they are written. Those that are no plain sum are caught when wrong."""

from __future__ import annotations

import numpy as np
import pytest
from false_alarms import KERNELS

from examples.kernels.fft import Fft
from examples.kernels.winograd import Winograd
from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.report.failures import failure_text
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.shares import checks_of
from reference_impl.run.subject import Subject
from reference_impl.verdicts.agreement import Disagreement, assert_rounded
from reference_impl.verdicts.real_data import real_task

CURATED = catalogue.load("curated")
CASE = Case.parse("n2_h9w11c3_k3x3o4_SAME")


# Each kernel takes a sixth of the cases. Neighbours take different sixths. Checks of state are long: they run on one
# case in seven, in both dtypes by turns. `tox run -e false-alarms` runs them on all.
@pytest.mark.parametrize(
    ("kernel", "case", "of_state"),
    [
        pytest.param(kernel, case.with_dtype(dtype), index % 7 == 0, id=f"{kernel.__name__}-{case.with_dtype(dtype)}")
        for turn, kernel in enumerate(sorted(KERNELS, key=lambda kernel: kernel.__name__))
        for index, case in enumerate(CURATED[turn % 6 :: 6])
        for dtype in [("float32", "float64")[index % 2]]
    ],
)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_kernel_passes(kernel, operation, case, of_state):
    checks = [check for check in checks_of(case) if of_state or not check.of_state]
    failed = [record for record in judge(Subject.of(kernel()), case, operation, checks=checks) if record.unexpected]
    assert not failed, failure_text(failed[0])


class FftWithoutItsLastTap(Fft):
    def correlate(self, images, kernels):
        kernels = kernels.copy()
        kernels[-1, -1] = 0
        return super().correlate(images, kernels)


class FftThatWrapsAround(Fft):
    def correlate(self, images, kernels):
        return np.roll(super().correlate(images, kernels), 1, axis=1)


class WinogradWithAWrongSign(Winograd):
    def correlate(self, images, kernels):
        return super().correlate(images, kernels * np.where(np.arange(kernels.shape[1]) == 1, -1, 1)[:, None, None])


class WinogradInFloat16(Winograd):
    def correlate(self, images, kernels):
        small = [array / np.abs(array).max() for array in (images, kernels)]
        answer = super().correlate(*(array.astype(np.float16) for array in small))
        return answer.astype(images.dtype) * np.abs(images).max() * np.abs(kernels).max()


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "wrong",
    [FftWithoutItsLastTap, FftThatWrapsAround, WinogradWithAWrongSign, WinogradInFloat16],
    ids=lambda wrong: wrong.__name__,
)
def test_kernel_that_is_no_plain_sum_is_caught_when_wrong(wrong, operation):
    failed = {record.check: record for record in judge(Subject.of(wrong()), CASE, operation) if record.unexpected}
    assert failed["exact"].outcome == outcome.FAIL
    assert "eps * gauge of whole planes of the exact one (integer data)" in failed["exact"].message


@pytest.mark.parametrize("kernel", [Fft, Winograd])
@pytest.mark.parametrize("seed", range(3))
def test_kernel_that_is_no_plain_sum_must_be_measured_by_planes(kernel, seed):
    task = real_task(CASE, "conv2d", seed, "wide")
    answer = task.call.run(kernel())
    assert_rounded(answer, task, "float32", kernel.capabilities.factor, planewise=True)
    with pytest.raises(Disagreement):
        assert_rounded(answer, task, "float32", kernel.capabilities.factor)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", [*CURATED[:8], CASE], ids=str)
def test_plane_gauge_bounds_the_gauge(case, operation):
    task = real_task(case, operation, 0, "wide")
    assert (task.gauge <= task.plane_gauge * (1 + 2**-40)).all()
