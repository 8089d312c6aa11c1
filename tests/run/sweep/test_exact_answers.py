"""The fast answers of a sweep equal the oracle's."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run.sweep.preparing import prepared
from reference_impl.run.sweep.scope import Scope
from reference_impl.verdicts.call import gauge, oracle
from reference_impl.verdicts.integers import EXACT_INTEGERS

TINY = Scope.named("tiny")


@pytest.mark.parametrize("number", range(TINY.number_of_chunks))
def test_fast_answers_equal_the_oracle_on_tiny(number):
    (calls,) = prepared(TINY.chunk(number), None, 0)
    for place in range(len(calls.rows)):
        np.testing.assert_array_equal(calls.answer(place), oracle(calls.call(place)), strict=True)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float16", "bfloat16", "float32", "float64", "int64"])
def test_random_cases_have_exact_answers_and_sums_that_the_dtype_holds(dtype):
    (calls,) = prepared(Scope.named("random").chunk(0)[::16], dtype, 0)
    for place in range(len(calls.rows)):
        call = calls.call(place)
        np.testing.assert_array_equal(calls.answer(place), oracle(call), strict=True)
        assert gauge(call).max(initial=0) <= EXACT_INTEGERS[dtype]


@pytest.mark.parametrize("spec", ["n0_h5w6c4_k3x2o6_g2", "n3_h5w6c0_k3x2o4_g2_SAME", "n3_h7w12c12_k3x4o0_d2x3_g3"])
def test_empty_arrays_in_groups_have_exact_answers(spec):
    (calls,) = prepared([(operation, Case.parse(spec)) for operation in OPERATIONS], None, 0)
    for place in range(len(calls.rows)):
        np.testing.assert_array_equal(calls.answer(place), oracle(calls.call(place)), strict=True)
