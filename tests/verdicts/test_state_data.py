"""The data of the checks on state and memory: neighbours, shared arguments, wide sums, calls in threads."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest

from reference_impl.cases import catalogue
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.call import array_shapes, gauge
from reference_impl.verdicts.integers import EXACT_INTEGERS, integer_call
from reference_impl.verdicts.making_calls import answers_of
from reference_impl.verdicts.memory_layouts import PARTS, laid_out
from reference_impl.verdicts.neighbours import neighbours
from reference_impl.verdicts.shared_arguments import overlapping, repeated
from reference_impl.verdicts.task import Task
from reference_impl.verdicts.wide_sums import half_call, integer_call_with_wide_sums

CASE = Case.parse("n2_h7w9c3_k3x2o4_s2x3_p1,2,0,1")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", [CASE, *catalogue.load("curated")[:8]], ids=str)
def test_neighbours_differ_in_options_and_mostly_not_in_shapes(case, operation):
    found = neighbours(case, operation, 0)
    assert case not in found
    same = [other for other in found if array_shapes(other, operation) == array_shapes(case, operation)]
    assert len(same) >= 3
    assert any(other.strides != case.strides for other in same)
    assert any(other.dilations != case.dilations for other in same)
    assert any(other.convolution.axes != case.convolution.axes and other.strides == case.strides for other in same)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["int64", "int32"])
def test_oracle_takes_the_numbers_of_every_neighbour(operation, dtype):
    """It refuses int64 by a bound, even where no sum passes it: these neighbours sum more products than their cases."""
    for case in catalogue.load("covering")[::40]:
        for neighbour in Task(case.with_dtype(dtype), operation, 0).neighbours:
            assert neighbour.expected.dtype == np.int64


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", [CASE, *(case for case in catalogue.load("smoke") if case.multiply_adds)], ids=str)
def test_two_calls_of_a_row_differ_in_a_stride_alone_and_have_answers_of_one_size(case, operation):
    """Else a plan that is kept without the stride, but by the size of the answer, would pass."""
    task = Task(case, operation, 0)
    pairs = [
        (one, other)
        for one, other in itertools.combinations((task, *task.neighbours), 2)
        if one.case.strides != other.case.strides
        and replace(one.case, strides=other.case.strides) == other.case
        and one.case.output_shape == other.case.output_shape
        and not np.array_equal(one.expected, other.expected)
    ]
    assert pairs
    assert any(
        np.array_equal(array, other.call.arrays[name])
        for one, other in pairs
        for name, array in one.call.arrays.items()
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_neighbours_have_the_same_arrays_where_the_shapes_are_the_same(operation):
    """Else a cache whose keys hold the numbers, but not the padding, would pass."""
    task = Task(CASE, operation, 0)
    same = [
        other
        for other in task.neighbours
        if array_shapes(other.case, operation) == array_shapes(CASE, operation)
        and all(np.array_equal(other.call.arrays[name], array) for name, array in task.call.arrays.items())
    ]
    assert len(same) >= 3
    assert all(gauge(other.call).max() <= EXACT_INTEGERS["float32"] for other in task.neighbours)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("spec", [str(CASE), "n3_h4w5c2_k1x1o2", "n1_h3w3c40_k3x3o1_bfloat16"])
def test_overlapping_arguments_begin_in_one_memory_and_have_exact_sums(spec, operation):
    case = Case.parse(spec)
    call = overlapping(integer_call(case, operation, 0), 0).call
    first, second = call.arrays.values()
    assert np.shares_memory(first, second)
    assert (first is second) == (first.shape == second.shape)
    assert gauge(call).max() <= EXACT_INTEGERS[case.dtype]


def test_repeated_elements_have_a_stride_of_0():
    found = {repeated(integer_call(CASE, "conv2d", 0), seed).how for seed in range(40)}
    assert len(found) >= 6
    assert 0 in repeated(integer_call(CASE, "conv2d", 0), 0).call.arrays["filters"].strides + (
        repeated(integer_call(CASE, "conv2d", 0), 0).call.arrays["input"].strides
    )


@pytest.mark.parametrize("part", PARTS)
def test_part_of_a_larger_array_keeps_the_values(part):
    array = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    cut = PARTS[part](array)
    np.testing.assert_array_equal(cut, array)
    assert not cut.flags.c_contiguous
    assert not np.shares_memory(cut, array)


def test_arrays_are_cut_in_every_way():
    call = integer_call(CASE, "conv2d", 0)
    how = {part for seed in range(40) for part in laid_out(call, seed, PARTS).how.split(", ")}
    assert how == {f"{name} {part}" for name in call.arrays for part in PARTS}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_for_sums_of_many_terms(dtype, operation):
    few, many = (Case.parse(f"n1_h2w3c2_k1x1o{count}_{dtype}") for count in (3, 100))
    assert half_call(few, operation) is None
    deep = Case.parse(f"n9_h4w5c30_k2x3o30_{dtype}")
    call = half_call(deep, operation)
    assert {array.dtype.name for array in call.arrays.values()} == {dtype}
    assert (half_call(many, operation) is None) == (operation in ("conv2d", "conv2d_backprop_filter"))


def test_wide_integers_use_the_whole_range_and_fit_the_answer():
    case = Case.parse("n2_h7w9c3_k3x2o4_uint8")
    call = integer_call_with_wide_sums(case, "conv2d", "int32", 0)
    assert call.arrays["input"].max() > 200
    assert gauge(call).max() > 255
    assert integer_call_with_wide_sums(case, "conv2d", "uint8", 0) is None
    assert integer_call_with_wide_sums(CASE, "conv2d", "float32", 0) is None


def test_calls_in_threads_meet():
    both = threading.Barrier(2)
    assert answers_of([lambda: both.wait(5) is not None] * 4, threads=2) == [True] * 4


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_error_in_a_thread_is_raised(error):
    def fails():
        raise error("in a thread")

    with pytest.raises(error, match="in a thread"):
        answers_of([lambda: 1, fails, lambda: 1, lambda: 1], threads=2)
