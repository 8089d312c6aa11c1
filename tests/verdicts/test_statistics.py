"""Bias and spread: even errors of right kernels, in any order of adding, and those of accumulators that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from planted import Right
from summation import NEAREST, ORDERS, WRONG, product

from examples.kernels.im2col import Im2col
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.agreement import Disagreement, assert_rounded
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.real_data import INDEPENDENT, real_task
from reference_impl.verdicts.statistics import FEWEST_TERMS, LEAN, Sums, statistics

# In each operation an element sums 64 products or more, and there are 576 elements or more.
CASE = Case.parse("n4_h8w8c8_k3x3o8_SAME")


class Adds(Im2col):
    """Adds in a known order, with an arithmetic of its own."""

    def __init__(self, order, arithmetic=NEAREST):
        self.order, self.arithmetic = order, arithmetic

    def product(self, a, b):
        return product(a, b, self.order, self.arithmetic).astype(a.dtype)


def judged(backend, operation, kind="normal"):
    task = real_task(CASE, operation, 0, kind)
    assert_rounded(task.call.run(backend), task, "float32")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_right_order_passes(operation, order):
    judged(Adds(order), operation)


@pytest.mark.parametrize("wrong", [name for name in WRONG if name not in ("float16", "bfloat16", "stochastic")])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_accumulator_that_truncates_is_caught(operation, wrong):
    with pytest.raises(Disagreement, match=r"within its bound, but the errors .* lean (toward zero|down)"):
        judged(Adds(*WRONG[wrong]), operation)


@pytest.mark.parametrize("operation", ["conv2d", "conv2d_backprop_filter"])
def test_stochastic_accumulator_is_caught(operation):
    """In the gradient of the input im2col adds most terms itself, to nearest: there the squares do not tell."""
    with pytest.raises(Disagreement, match="too large together: their mean square is"):
        judged(Adds(*WRONG["stochastic"]), operation)


@pytest.mark.parametrize("wrong", ["float16", "bfloat16"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_narrow_accumulator_is_caught(operation, wrong):
    with pytest.raises(Disagreement):
        judged(Adds(*WRONG[wrong]), operation)


class Truncated(Right):
    """Cuts the exact answer off, where it should be rounded: never more than one eps * gauge from it."""

    def spoil(self, answer, arrays):
        return answer

    def _answer(self, operation, *args, **options):
        exact = super()._answer(operation, *[self._wide(arg) for arg in args], **options)
        nearest = exact.astype(np.float32)
        return np.where(np.abs(nearest) > np.abs(exact), np.nextafter(nearest, np.float32(0)), nearest)

    @staticmethod
    def _wide(arg):
        return arg.astype(np.float64) if isinstance(arg, np.ndarray) else arg


@pytest.mark.parametrize("operation", OPERATIONS)
def test_only_the_rounded_check_sees_results_that_are_cut_off(operation):
    seeds = [seed for seed in range(12) if real_task(CASE, operation, seed).kind in INDEPENDENT]
    failed = {
        record.check
        for seed in seeds
        for record in judge(Subject.of(Truncated()), CASE, operation, seed, checks=CHECKS)
        if record.outcome != outcome.PASS
    }
    assert failed == {"rounded"}


def even(count, terms=100):
    exact = 1 + np.arange(count) / count
    return Sums(exact, np.full(count, 8.0), np.full(count, 1.0), terms)


def errors_of(sums, units):
    return sums.exact + units * 2.0**-23 * sums.gauge


@pytest.mark.parametrize(("count", "seen"), [(int(LEAN**2) - 1, False), (int(LEAN**2) + 1, True)])
def test_lean_needs_enough_elements(count, seen):
    sums = even(count)
    found = statistics(errors_of(sums, -np.full(count, 0.1)), sums, "float32", "float32", any_order=True)
    assert (found.complaint is not None) == seen
    assert found.up == pytest.approx(-np.sqrt(count))


def test_equal_sums_count_once():
    sums = Sums(np.full(500, 1.5), np.full(500, 8.0), np.ones(500), 100)
    found = statistics(errors_of(sums, np.full(500, 0.1)), sums, "float32", "float32", any_order=True)
    assert (found.count, found.complaint) == (1, None)


def test_nothing_is_said_of_few_terms_or_where_underflow_decides():
    sums = even(500, FEWEST_TERMS - 1)
    assert statistics(sums.exact, sums, "float32", "float32", any_order=True) is None
    tiny = Sums(sums.exact * 1e-40, sums.gauge * 1e-40, sums.squares * 1e-80, 100)
    assert statistics(tiny.exact, tiny, "float32", "float32", any_order=True) is None


@pytest.mark.parametrize("declared", [{"factor": 2}, {"planewise": True}])
def test_backend_that_declares_less_is_not_judged_by_its_bias(declared):
    task = real_task(CASE, "conv2d", 0, "normal")
    assert_rounded(task.call.run(Truncated()), task, "float32", **declared)
