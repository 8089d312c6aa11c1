"""NaN reaches the elements that read it and no others. Neither NaN nor infinity gives a warning."""

from __future__ import annotations

import warnings

import ml_dtypes
import numpy as np
import pytest
from general_cases import GENERAL_CASES
from integer_arrays import TAKES, Arrays, arrays_of, dtype_name, run, small_arrays

from reference_impl import conv2d
from reference_impl.cases.case import Case

CASE = GENERAL_CASES[2]  # groups, four pads, strides, dilation, no two sizes alike
POINTWISE = Case.parse("n2_h6w9c3_k1x1o4_s4x2")  # the path without windows
BOTH_PATHS = pytest.mark.parametrize("case", [CASE, POINTWISE], ids=str)
EVERY_OPERATION = pytest.mark.parametrize("operation", TAKES)
FLOATS = (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)


@EVERY_OPERATION
@pytest.mark.parametrize("dtype", FLOATS, ids=dtype_name)
@pytest.mark.parametrize("values", [(np.nan,), (np.inf, -np.inf)], ids=str)
@BOTH_PATHS
def test_values_that_are_not_finite_give_no_warning(case, values, dtype, operation):
    arrays = small_arrays(case, dtype)
    for array in arrays:
        array.flat[:: max(array.size // 6, 1)] = np.resize(values, len(array.flat[:: max(array.size // 6, 1)]))
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        run(operation, case, arrays)


@EVERY_OPERATION
@pytest.mark.parametrize("largest", [1e308, 1e-308], ids=["overflow", "underflow"])
def test_values_out_of_range_give_no_warning(largest, operation):
    arrays = Arrays(*(array * (largest / 1e4) for array in arrays_of(CASE)))
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        run(operation, CASE, arrays)


@pytest.mark.parametrize(
    ("dtype", "bits"), [(np.float32, 0x7FA00000), (ml_dtypes.bfloat16, 0x7FA0)], ids=["float32", "bfloat16"]
)
def test_signalling_nan_gives_no_warning(dtype, bits):
    unsigned = np.uint32 if dtype is np.float32 else np.uint16
    signalling = np.full((1, 3, 3, 1), bits, unsigned).view(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(conv2d(signalling, np.ones((2, 2, 1, 1), dtype))).all()


@EVERY_OPERATION
@pytest.mark.parametrize("case", GENERAL_CASES, ids=str)
def test_nan_reaches_exactly_the_elements_that_read_it(case, operation):
    arrays = small_arrays(case, np.float64)
    first, second = TAKES[operation]
    spoilt = getattr(arrays, first)
    spoilt.flat[spoilt.size // 2] = np.nan
    actual = np.isnan(run(operation, case, arrays))
    # In integers, the elements whose sum has a term with the spoilt one are those above 0.
    reach = Arrays(*(np.ones(array.shape, int) for array in arrays))
    reach = reach._replace(**{first: np.isnan(spoilt).astype(int), second: np.ones(getattr(arrays, second).shape, int)})
    np.testing.assert_array_equal(actual, run(operation, case, reach) > 0)
