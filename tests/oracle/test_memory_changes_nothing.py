"""Memory order, alignment, and lists in place of arrays change no answer. Arguments are not written to."""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, dtype_name, run, small_arrays

from reference_impl import conv2d
from reference_impl.cases.case import Case

CASE = GENERAL_CASES[2]  # groups, four pads, strides, dilation, no two sizes alike
POINTWISE = Case.parse("n2_h6w9c3_k1x1o4_s4x2")  # the path without windows
ONE_PRODUCT = Case.parse("n2_h6w9c3_k1x1o4")
EACH_PATH = pytest.mark.parametrize("case", [CASE, POINTWISE, ONE_PRODUCT], ids=str)
EVERY_OPERATION = pytest.mark.parametrize("operation", TAKES)


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int64, np.float32, object], ids=dtype_name)
@EACH_PATH
def test_result_is_a_writeable_array_of_its_own(case, dtype, operation):
    arrays = small_arrays(case, dtype)
    result = run(operation, case, arrays)
    assert result.flags.writeable
    assert not any(np.shares_memory(result, array) for array in arrays)


def unaligned(array: np.ndarray) -> np.ndarray:
    """Copy the elements to memory one byte off their alignment."""
    copy = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def every_second(array: np.ndarray) -> np.ndarray:
    """Copy the elements to every second place along each axis of a larger array."""
    larger = np.full([2 * size for size in array.shape], 77, array.dtype)[::2, ::2, ::2, ::2]
    larger[...] = array
    return larger


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


ORDERS = {
    "fortran": np.asfortranarray,
    "channels-first": lambda array: array.transpose(0, 3, 1, 2).copy().transpose(0, 2, 3, 1),
    "negative-strides": lambda array: array[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1],
    "every-second": every_second,
    "unaligned": unaligned,
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "read-only": read_only,
}


def nested(array: np.ndarray, sequence: type) -> list | tuple:
    return sequence(nested(part, sequence) for part in array) if array.ndim > 1 else sequence(array.tolist())


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float16, np.float32, np.float64], ids=dtype_name)
@pytest.mark.parametrize("order", ORDERS)
@EACH_PATH
def test_memory_order_changes_nothing(case, order, dtype, operation):
    arrays = small_arrays(case, dtype)
    ordered = Arrays(*map(ORDERS[order], arrays))
    np.testing.assert_array_equal(run(operation, case, ordered), run(operation, case, arrays), strict=True)


@EVERY_OPERATION
@pytest.mark.parametrize("order", ["fortran", "channels-first", "negative-strides", "every-second", "read-only"])
def test_memory_order_changes_nothing_when_objects(order, operation):
    arrays = small_arrays(CASE, object)
    ordered = Arrays(*map(ORDERS[order], arrays))
    np.testing.assert_array_equal(run(operation, CASE, ordered), run(operation, CASE, arrays), strict=True)


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float64], ids=dtype_name)
@pytest.mark.parametrize("sequence", [list, tuple], ids=["lists", "tuples"])
def test_nested_sequences_are_taken(sequence, dtype, operation):
    arrays = small_arrays(CASE, dtype)
    sequences = Arrays(*(nested(array, sequence) for array in arrays))
    np.testing.assert_array_equal(run(operation, CASE, sequences), run(operation, CASE, arrays), strict=True)


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64, object], ids=dtype_name)
@EACH_PATH
def test_arguments_are_never_written_to(case, dtype, operation):
    arrays = small_arrays(case, dtype)
    before = Arrays(*(array.copy() for array in arrays))
    run(operation, case, arrays)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy, strict=True)


def test_broadcast_arguments_are_taken():
    ones = np.broadcast_to(np.float32(1), (2, 5, 6, 3))
    assert (conv2d(ones, np.broadcast_to(np.float32(1), (2, 3, 3, 4))) == 18).all()
