"""Integer data on which every correct kernel has the same bits, and every rounding one has not."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from planted import Right

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.run import outcome
from reference_impl.run.judge import judge
from reference_impl.run.subject import Subject
from reference_impl.verdicts.call import array_shapes, gauge, numpy_dtype, oracle
from reference_impl.verdicts.checks import CHECKS
from reference_impl.verdicts.integers import EXACT_INTEGERS, LONG_ELEMENTS, _magnitudes, integer_call

CASE = Case.parse("n2_h9w8c3_k3x2o5")
EXACT = tuple(check for check in CHECKS if check.name == "exact")


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


# The first has as many terms in all operations but the filters' gradient, the second in that.
MANY_TERMS = {
    1152: ("n1_h4w5c128_k3x3o128", "n2_h26w26c2_k3x3o3"),
    4608: ("n1_h4w5c512_k3x3o512", "n2_h50w50c2_k3x3o3"),
}


def with_terms(terms, operation):
    case = Case.parse(MANY_TERMS[terms][operation == "conv2d_backprop_filter"])
    assert case.convolution.terms(operation) == terms
    return case


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("terms", MANY_TERMS)
def test_integer_call_keeps_sums_of_many_terms_exact(terms, operation, dtype):
    call = integer_call(with_terms(terms, operation).with_dtype(dtype), operation, 0)
    oracle(call)  # it does not refuse them
    assert gauge(call).max() <= EXACT_INTEGERS[dtype]


@pytest.mark.parametrize("dtype", EXACT_INTEGERS)
@pytest.mark.parametrize("terms", [1, 2, 9, 63, 64, 1151, 1152, 4608, 65792, 2**18])
def test_magnitudes_leave_room_for_every_sum(terms, dtype):
    small, large, longest = _magnitudes(EXACT_INTEGERS[dtype], terms)
    assert terms * small * max(large, longest) < 2**63
    largest_sum = terms * small * large + LONG_ELEMENTS * small * longest
    assert largest_sum <= max(EXACT_INTEGERS[dtype], terms)  # data of 1 and -1 are thinned, where there is no room


class RoundsArguments(Right):
    def _answer(self, operation, *args, **options):
        rounded = [self.rounded(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
        return super()._answer(operation, *rounded, **options)


class ToTf32(RoundsArguments):
    """Keeps 10 bits of the fraction of a float32 number."""

    def rounded(self, array):
        bits = array.view(np.uint32).astype(np.int64)
        return ((bits + 0xFFF + (bits >> 13 & 1)) >> 13 << 13).astype(np.uint32).view(np.float32)


class ToBfloat16(RoundsArguments):
    """Keeps 7 bits of the fraction."""

    def rounded(self, array):
        return array.astype(ml_dtypes.bfloat16).astype(array.dtype)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("backend", [ToTf32, ToBfloat16])
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("terms", MANY_TERMS)
def test_exact_check_sees_rounded_arguments_when_sums_have_many_terms(terms, operation, backend, seed):
    records = judge(Subject.of(backend()), with_terms(terms, operation), operation, seed, checks=EXACT)
    assert [record.outcome for record in records] == [outcome.FAIL]


@pytest.mark.parametrize("spec", ["n0_h4w5c128_k3x3o128", "n0_h4w5c512_k1x1o2"])
def test_integer_call_takes_empty_arrays_with_many_terms(spec):
    for operation in OPERATIONS:
        assert integer_call(Case.parse(spec), operation, 0).case == Case.parse(spec)


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
