"""Arrays as users have them: equal, and laid out as is said."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.integers import integer_call
from reference_impl.verdicts.memory_layouts import LAYOUTS, laid_out
from reference_impl.verdicts.task import Task

ARRAY = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)

# What is true of an array in each layout, and of no array in order.
FEATURES = {
    "transposed in memory": lambda array: array.strides[3] > array.strides[1],
    "in Fortran order": lambda array: array.flags.f_contiguous,
    "with negative strides": lambda array: max(array.strides) < 0,
    "with gaps between the elements": lambda array: min(array.strides) > array.itemsize,
    "at an offset of one element": lambda array: array.base is not None and array.base.size == array.size + 2,
    "read-only": lambda array: not array.flags.writeable,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_what_it_says_and_keeps_the_values(layout):
    laid = LAYOUTS[layout](ARRAY)
    np.testing.assert_array_equal(laid, ARRAY)
    assert laid.dtype == ARRAY.dtype
    assert FEATURES[layout](laid)
    assert not FEATURES[layout](ARRAY.copy())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [ARRAY.shape, (7, 1, 1, 1), (1, 1, 1, 1), (1, 5, 4, 1)], ids=str)
def test_layout_shares_no_memory(layout, shape):
    """Where all orders are one, too: what a backend writes is not for the next one to read."""
    array = np.ones(shape, np.float32)
    assert not np.shares_memory(LAYOUTS[layout](array), array)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_all_backends_are_asked_from_cannot_be_written_to(operation):
    task = Task(Case.parse("n2_h7w9c3_k3x2o4"), operation, 0)
    assert not any(array.flags.writeable for array in task.call.arrays.values())


def test_every_array_is_laid_out_in_every_way():
    case = Case.parse("n2_h7w9c3_k3x2o4")
    for operation in OPERATIONS:
        how = {part for seed in range(40) for part in laid_out(integer_call(case, operation, 0), seed).how.split(", ")}
        names = integer_call(case, operation, 0).arrays
        assert how == {f"{name} {layout}" for name in names for layout in LAYOUTS}
