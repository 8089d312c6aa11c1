"""The definition as a backend computes with integers, also on real numbers, and rounds once."""

from __future__ import annotations

import numpy as np
import pytest

from reference_impl import exact
from reference_impl.backends.definition import Definition
from reference_impl.cases.case import Case
from reference_impl.operations import OPERATIONS
from reference_impl.verdicts.real_data import KINDS, real_task

CASE = Case.parse("n2_h5w4c4_k3x2o6_s2x1_g2_p1,0,2,1")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_definition_of_real_numbers_is_the_exact_answer_rounded_once(operation, kind, dtype):
    call = real_task(CASE.with_dtype(dtype), operation, 3, kind).call
    expected = getattr(exact, operation)(*call.positional(), **call.case.options, dtype="float64")
    answer = call.run(Definition())
    assert answer.dtype == np.float64
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("number", [2.0**61, 2.0**62, -(2.0**63), 2.0**70, 0.5 + 2.0**51])
def test_definition_of_large_whole_numbers_is_exact(number):
    """Whole numbers are read as int64, where that holds them."""
    pixels, filters = np.full((1, 2, 2, 1), number), np.full((1, 1, 1, 1), -3.0)
    options = {"strides": (1, 1), "padding": "VALID", "dilations": (1, 1), "groups": 1}
    assert (Definition().conv2d(pixels, filters, **options) == -3 * number).all()


@pytest.mark.parametrize(("number", "error"), [(np.nan, ValueError), (np.inf, OverflowError)])
def test_definition_refuses_what_is_no_number(number, error):
    with pytest.raises(error):
        Definition().conv2d(
            np.full((1, 2, 2, 1), number),
            np.ones((1, 1, 1, 1)),
            strides=(1, 1),
            padding="VALID",
            dilations=(1, 1),
            groups=1,
        )
