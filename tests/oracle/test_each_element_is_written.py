"""Results begin with any bytes, where products are written: each element is written, and before it is added to."""

from __future__ import annotations

import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, dtype_name, run, small_arrays

from reference_impl import operations, windows
from reference_impl.cases.case import Case

WRITTEN_IN_PLACE = tuple(
    map(
        Case.parse,
        (
            "n2_h6w9c3_k1x1o4",
            "n2_h5w3c6_k1x1o9_g3",
            "n2_h6w9c3_k1x1o4_s1x2",  # every second input position is in no window
            "n2_h6w9c3_k1x1o4_p1,0,0,2",
            "n2_h8w5c3_k3x2o4",  # by kernel rows
        ),
    )
)
# Input, filters: a sum of no terms is 0, and a product of no elements writes none.
EMPTY = {
    "no-images": ((0, 3, 4, 2), (1, 1, 2, 5)),
    "no-input-channels": ((2, 3, 4, 0), (1, 1, 0, 5)),
    "no-output-channels": ((2, 3, 4, 2), (1, 1, 2, 0)),
    "no-channels": ((2, 3, 4, 0), (1, 1, 0, 0)),
}
DTYPES = pytest.mark.parametrize("dtype", [np.int64, np.float32, object], ids=dtype_name)


def junk(shape, dtype=float) -> np.ndarray:
    """Make an array full of 77, in place of np.empty."""
    return np.full(shape, 77, dtype)


@pytest.mark.parametrize("operation", TAKES)
@DTYPES
@pytest.mark.parametrize("block_bytes", [None, 8 * 5], ids=["one-block", "small-blocks"])
@pytest.mark.parametrize("by_rows", [True, False], ids=["kernel-rows", "windows"])
@pytest.mark.parametrize("case", [*GENERAL_CASES, *WRITTEN_IN_PLACE], ids=str)
def test_no_element_keeps_its_first_value(case, by_rows, block_bytes, dtype, operation, monkeypatch):
    arrays = small_arrays(case, dtype)
    expected = run(operation, case, arrays)
    monkeypatch.setattr(np, "empty", junk)
    if by_rows:
        monkeypatch.setattr(windows, "ROW_ELEMENTS", 0)
        monkeypatch.setattr(windows, "PLANE_CHANNELS", 0)
    for name in ("FILTER_BLOCK_BYTES", "WINDOW_BLOCK_BYTES", "WIDE_BLOCK_BYTES") if block_bytes else ():
        monkeypatch.setattr(windows, name, block_bytes)
    np.testing.assert_array_equal(run(operation, case, arrays), expected, strict=True)


@DTYPES
@pytest.mark.parametrize(("input", "filters"), EMPTY.values(), ids=EMPTY)
def test_sum_of_no_terms_is_zero(input, filters, dtype, monkeypatch):
    monkeypatch.setattr(np, "empty", junk)
    x, w = np.ones(input, dtype), np.ones(filters, dtype)
    output = operations.conv2d(x, w)
    assert output.shape == (*input[:3], filters[3])
    assert (output == 0).all()
    found = operations.conv2d_backprop_input(input, w, output), operations.conv2d_backprop_filter(x, filters, output)
    assert [array.shape for array in found] == [input, filters]
    assert all((array == 0).all() for array in found)
