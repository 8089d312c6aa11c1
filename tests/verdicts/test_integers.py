"""Integer data on which every correct kernel has the same bits, and every rounding one has not."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.call import array_shapes, gauge, numpy_dtype, oracle
from reference_impl.verdicts.integers import EXACT_INTEGERS, integer_call

CASE = Case.parse("n2_h9w8c3_k3x2o5")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", EXACT_INTEGERS)
def test_integer_call_keeps_every_partial_sum_exact(dtype, operation):
    call = integer_call(CASE.with_dtype(dtype), operation, 0)
    assert gauge(call).max() <= EXACT_INTEGERS[dtype]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "int8"])
def test_integer_call_thins_when_there_are_too_many_terms(dtype, operation):
    case = Case.parse(f"n1_h12w12c64_k5x5o64_{dtype}")
    call = integer_call(case, operation, 0)
    assert gauge(call).max() <= EXACT_INTEGERS[dtype]
    assert np.count_nonzero(oracle(call)) > oracle(call).size / 2


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("dtype", "narrower"), [("float32", "bfloat16"), ("float32", "float16"), ("float64", "float32")]
)
def test_integer_call_needs_the_whole_dtype(dtype, narrower, operation):
    call = integer_call(CASE.with_dtype(dtype), operation, 0)
    rounded = call.with_arrays(lambda array: array.astype(numpy_dtype(narrower)).astype(array.dtype))
    assert (oracle(rounded) != oracle(call)).mean() > 0.5


@pytest.mark.parametrize("operation", OPERATIONS)
def test_integer_call_follows_its_seed(operation):
    first, again, other = (integer_call(CASE, operation, seed) for seed in (1, 1, 2))
    for name in first.arrays:
        np.testing.assert_array_equal(first.arrays[name], again.arrays[name])
        assert (first.arrays[name] != other.arrays[name]).any()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_integer_call_has_arrays_of_the_case(operation):
    call = integer_call(CASE, operation, 0)
    assert {name: array.shape for name, array in call.arrays.items()} == array_shapes(CASE, operation)
    assert {array.dtype for array in call.arrays.values()} == {np.dtype(np.float32)}
