"""Bytes of arrays are compared in place where they are many; the answer is that of copies."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.bits import same_bytes
from reference_impl.verdicts.call import oracle, sums_that_fit
from reference_impl.verdicts.integers import _signs, integer_call


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
@pytest.mark.parametrize("layout", [np.copy, lambda array: np.repeat(array, 2)[::2]], ids=["whole", "strided"])
def test_equal_arrays_have_the_same_bytes(size, layout):
    array = np.arange(size, dtype=np.float64)
    assert same_bytes(layout(array), array)


@pytest.mark.parametrize("place", [0, 2500, -1])
@pytest.mark.parametrize("layout", [np.copy, lambda array: np.repeat(array, 2)[::2]], ids=["whole", "strided"])
def test_one_other_bit_is_seen(place, layout):
    array = np.zeros(5000)
    other = layout(array)
    other[place] = -0.0
    assert not same_bytes(other, array)


def test_arrays_of_other_sizes_differ():
    assert not same_bytes(np.zeros(5000), np.zeros(5001))


@pytest.mark.parametrize("shape", [(), (7,), (3, 4, 5, 6), (0, 2)])
def test_signs_are_those_of_choice(shape):
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(3):
        np.testing.assert_array_equal(_signs(one, shape), other.choice(np.array([-1, 1]), shape))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_sums_that_fit_are_the_oracles(operation, dtype):
    for spec in ("n2_h7w9c4_k3x2o6_s2x1_g2_SAME", "n3_h12w11c24_k3x3o20"):
        call = integer_call(Case.parse(spec).with_dtype(dtype), operation, 0)
        found, expected = sums_that_fit(call), oracle(call)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
